"""Web addresses as people type them: parsed, written in ASCII, refused with what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from appliance.backups.target import S3Target, SftpTarget, stored_address
from appliance.core.web_address import BaseAddress, SecretPlace, ip_of, is_forbidden, parse_address


class Both(BaseModel):
    base: BaseAddress = "https://a.example"
    secret: SecretPlace = "https://a.example"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://booth.example.com", "https://booth.example.com"),
        ("HTTPS://Booth.Example.COM/Party/", "https://booth.example.com/Party"),
        ("https://фото.рф", "https://xn--n1aalg.xn--p1ai"),
        ("https://фото.рф:8443/вечер", "https://xn--n1aalg.xn--p1ai:8443/%D0%B2%D0%B5%D1%87%D0%B5%D1%80"),
        ("http://booth.local:80", "http://booth.local"),
        ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]"),
        ("http://192.168.1.20:8080", "http://192.168.1.20:8080"),
        ("https://my_booth.example", "https://my_booth.example"),
    ],
)
def test_an_address_is_kept_in_ascii(typed: str, kept: str) -> None:
    assert Both(base=typed).base == kept
    assert kept.isascii()
    assert Both(base=kept).base == kept


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("booth.example.com", "must be an address"),
        ("ftp://booth.example.com", "must be an address"),
        ("https://booth.example.com?a=1", "must be an address"),
        ("https://booth.example.com/#a", "must be an address"),
        ("https://booth .example.com", "must be an address"),
        ("https://booth.example.com\n", "must be an address"),
        ("https://booth.example.com\x00", "must be an address"),
        ("https://booth.example.com\\@evil.example", "must be an address"),
        ("https://serg:secret@booth.example.com", "no user name or password"),
        ("https://serg@booth.example.com", "no user name or password"),
        ("https://booth.example.com:0", "port"),
        ("https://booth.example.com:65536", "port"),
        ("https://booth.example.com:", "port"),
        ("https://", "host name"),
        ("http://[", "host name"),
        ("http://[::1", "host name"),
        ("http://[::g]", "host name"),
        ("http://[1.2.3.4]", "valid host name"),
        ("http://1.2.3.256", "valid host name"),
        ("http://2130706433", "valid host name"),
        ("http://0x7f.1", "host name"),
        ("http://a..b", "valid host name"),
        ("http://-a.example", "valid host name"),
        ("http://%31.example", "valid host name"),
        ("http://" + "a" * 64 + ".example", "valid host name"),
        ("http://\ud800.example", "address"),
        ("http://a.example/" + "я" * 60, "at most 300 characters"),
    ],
)
def test_what_is_no_address_is_told(typed: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_address(typed)


@pytest.mark.parametrize(
    "near",
    ["http://127.0.0.1:9", "http://[::1]:9", "http://10.1.2.3", "http://192.168.0.9", "http://[fd12::1]",
     "http://localhost:8080", "http://proxy:3128", "http://proxy.local", "http://gw.home.arpa"],
)  # fmt: skip
def test_http_is_enough_on_this_machine_and_in_its_network(near: str) -> None:
    assert Both(secret=near).secret == near


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("http://api.example.com", "must begin with https://"),
        ("http://8.8.8.8", "must begin with https://"),
        ("http://localhost.example.com", "must begin with https://"),
        ("https://169.254.169.254", "may be contacted"),
        ("http://[::ffff:169.254.169.254]", "may be contacted"),
        ("http://[fe80::1]", "may be contacted"),
        ("http://0.0.0.0:1", "may be contacted"),
    ],
)
def test_secrets_go_encrypted_and_to_no_metadata_service(typed: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Both(secret=typed)


@given(st.text(max_size=60) | st.text("htps:/[]@.:%1ф\\", max_size=40).map("http://".__add__))
def test_whatever_is_typed_is_kept_whole_or_refused(typed: str) -> None:
    try:
        address = parse_address(typed)
    except ValueError:
        return
    assert str(address).isascii()
    assert parse_address(str(address)) == address
    assert "@" not in address.host


def test_numbers_of_nobody_are_known_in_each_way_of_writing() -> None:
    asked = (
        "169.254.169.254",
        "::ffff:a9fe:a9fe",
        "fe80::1%eth0",
        "224.0.0.1",
        "fd00:ec2::254",
        "100.100.100.200",
    )
    assert all(is_forbidden(number) for host in asked if (number := ip_of(host)) is not None)
    assert not any(
        is_forbidden(number)
        for host in ("127.0.0.1", "10.0.0.1", "::1", "8.8.8.8")
        if (number := ip_of(host))
    )


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://s3.public.example",
        "http://169.254.169.254",
        "http://metadata.google.internal",
        "https://x:99999",
        "https://a b.example",
        "https://a.example/\x00",
        "https://user:password@s3.example",
        "http://[",
    ],
)
def test_a_bucket_is_only_at_an_address_that_secrets_may_be_sent_to(endpoint: str) -> None:
    with pytest.raises(ValidationError):
        S3Target(kind="s3", endpoint=endpoint, bucket="backups")


def test_a_buckets_address_is_kept_in_ascii() -> None:
    assert (
        S3Target(kind="s3", endpoint="https://фото.рф/", bucket="backups").endpoint
        == "https://xn--n1aalg.xn--p1ai"
    )


def test_backups_go_to_no_machine_that_nobody_may_contact() -> None:
    with pytest.raises(ValidationError):
        SftpTarget(kind="sftp", host="169.254.169.254", user="photochanger")


def test_a_target_that_an_earlier_version_took_goes_on_being_used() -> None:
    row = {"kind": "s3", "endpoint": "http://s3.public.example", "bucket": "backups"}
    assert stored_address(row).describe() == "http://s3.public.example/backups"
