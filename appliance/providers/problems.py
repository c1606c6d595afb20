"""What the remote drivers check alike before a provider is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from appliance.core.language import Message
from appliance.providers.base import (
    Driver,
    EditRequest,
    Operation,
    Params,
    ProviderPermanent,
    TemplateImage,
)
from appliance.providers.catalogue import Model


def role_problems(operation: Operation, roles: frozenset[str], max_images: int) -> dict[str, str]:
    """Missing required templates, and more images than the model takes, by field name.

    Roles that the operation does not take are not sent, so they are not counted.
    """
    found: dict[str, str] = {
        f"template_media.{role}": Message(
            "%(title)s needs a template with the role %(role)s",
            title=Message(operation.title),
            role=repr(role),
        )
        for role, required in operation.template_roles.items()
        if required and role not in roles
    }
    if 1 + len(roles & set(operation.template_roles)) > max_images:
        found["template_media"] = Message(
            "the model takes %(n)s images, the guest's photo included", n=max_images
        )
    return found


def templates_in_order(
    operation: Operation | None, templates: tuple[TemplateImage, ...]
) -> tuple[TemplateImage, ...]:
    """The templates that the operation takes, in the order of its roles."""
    order = list(operation.template_roles) if operation else []
    taken = [template for template in templates if template.role in order]
    return tuple(sorted(taken, key=lambda template: order.index(template.role)))


def sendable_templates(driver: Driver, request: EditRequest) -> tuple[TemplateImage, ...]:
    """The same of a request; raises ``ProviderPermanent`` for what ``driver`` finds wrong with it."""
    templates = templates_in_order(driver.operations.get(request.operation), request.templates)
    roles = frozenset(template.role for template in templates)
    if found := driver.problems(request.operation, request.params, request.model, roles):
        raise ProviderPermanent("refused_parameters", "; ".join(found.values()))
    return templates


def must_take(model: Model, templates: tuple[TemplateImage, ...]) -> None:
    """Raise ``ProviderPermanent`` for more pictures than ``model`` takes, the guest's photo included."""
    most = model.capabilities.pictures_in
    if 1 + len(templates) > most:
        raise ProviderPermanent("too_many_images", f"the model takes {most}")


def unknown_operation(provider: str, operation: str) -> dict[str, str]:
    """That there is no such operation, or that the parameters are another one's."""
    text = "%(provider)s has no operation %(operation)s with such parameters"
    return {"operation": Message(text, provider=provider, operation=repr(operation))}


def unknown_model(provider: str, model: str | None, known: tuple[str, ...]) -> Message:
    """That there is no such model, and which there are."""
    return Message(
        "%(provider)s has no model %(model)s; there are %(known)s",
        provider=provider,
        model=repr(model),
        known=", ".join(known),
    )


def no_models(provider: str) -> Message:
    """That there is no model to choose."""
    return Message("%(provider)s has no models to choose from: leave it empty", provider=provider)


def not_offered(
    model: str, params: Params, choices: Mapping[str, tuple[str, ...]], *, always: Collection[str]
) -> dict[str, str]:
    """Parameters whose value is none of a model's ``choices``, by field name.

    ``always`` are values that leave the choice to the model, so that every model takes them.
    """
    found: dict[str, str] = {}
    for name, allowed in choices.items():
        value = getattr(params, name)
        if value in allowed or value in always:
            continue
        if allowed:
            found[f"params.{name}"] = Message(
                "%(model)s takes %(known)s", model=model, known=", ".join(allowed)
            )
        else:
            found[f"params.{name}"] = Message("%(model)s has no choice here: leave it out", model=model)
    return found
