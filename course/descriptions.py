"""Descriptions: an object as plain JSON values, and built again from them.

    Momentum(beta=0.9)   describe →   {'kind': 'Momentum', 'beta': 0.9}   build →   the same again

Layers, losses, transforms, schedules and augmentation steps travel in recipes and checkpoints so.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from .errors import CourseError, check_choice, check_fields, shown


def describe(thing: Any) -> dict:
    """Return a dataclass object's kind and fields as plain JSON values."""
    return {"kind": type(thing).__name__} | {f.name: getattr(thing, f.name) for f in fields(thing)}


class Registry:
    """Builders by the kind that descriptions name.

    Args:
        noun: what a described thing is called in messages, as 'layer'.
        decode: called as decode(field, value); turns a plain value into what the builder takes.
            Default: the value as it is.
    """

    def __init__(self, noun: str, decode: Callable[[str, Any], Any] = lambda field, value: value):
        self.noun, self.decode = noun, decode
        self.builders: dict[str, Callable] = {}

    def add(self, builder: Callable, kind: str | None = None) -> Callable:
        """Let `builder`, a class or a function, build what is of this kind; default: its name."""
        self.builders[kind or builder.__name__] = builder
        return builder

    def __iter__(self) -> Iterator[str]:
        """Iterate over the kinds."""
        return iter(self.builders)

    def build(self, description: object, **options) -> Any:
        """Return what is described.

        Args:
            description: {'kind': name, field: value, …}.
            options: further arguments of the builder, which a description may not hold.

        Raises:
            CourseError: for what is not of this form, an unknown kind, and fields that the builder
                lacks or does not know. Their values are for the builder itself to check.
        """
        if not isinstance(description, dict):
            raise CourseError(
                f"{shown(description)} is not a {self.noun}; allowed: an object {{'kind': …}}, as "
                "describe() gives it"
            )
        kind = check_choice(f"{self.noun} kind", description.get("kind"), tuple(self))
        builder, values = self.builders[kind], {k: v for k, v in description.items() if k != "kind"}
        check_fields(f"{self.noun} {shown(description)}", values, builder)
        return builder(**{k: self.decode(k, v) for k, v in values.items()}, **options)
