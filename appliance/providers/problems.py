"""What the remote drivers check alike before a provider is asked."""

from __future__ import annotations

from appliance.core.language import Message
from appliance.providers.base import Operation, TemplateImage


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
