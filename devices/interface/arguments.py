"""An action's arguments: what it takes, and a caller's `rqargs` made to fit.

Strategy: the schemas of all arguments become one object schema, which fastjsonschema turns into a Python
function when the action is first called. Unknown and missing arguments are found before it, for a better
sentence than a general validator has. What the caller gave is never changed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import fastjsonschema

from ...client.protocol.errors import Code, failure
from ..model.actions import Action
from ..site.definitions.problems import quoted_list, suggestion

Validate = Callable[..., Any]


class Arguments:
    """Fits `rqargs` to one action.

    Args:
        action: whose arguments; their schemas have been checked (`argument_schema.check_argument`).
    """

    __slots__ = ("_copies_deep", "_names", "_required", "_validate", "action")

    def __init__(self, action: Action) -> None:
        self.action = action
        self._names = action.args.keys()
        self._required = frozenset(name for name, schema in action.args.items() if "default" not in schema)
        self._copies_deep = any(_has_inner_default(schema) for schema in action.args.values())
        self._validate: Validate | None = None

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the whole `rqargs` map."""
        return {
            "type": "object",
            "properties": {name: dict(schema) for name, schema in self.action.args.items()},
            "required": [name for name in self._names if name in self._required],
            "additionalProperties": False,
        }

    def fit(self, rqargs: Mapping[str, Any]) -> dict[str, Any]:
        """A new map with what the caller gave and the defaults of what it left out.

        Raises:
            Rejected: `bad_args`, with the `path` in its details.
        """
        if not (rqargs.keys() <= self._names and self._required <= rqargs.keys()):
            self._refuse_names(rqargs)
        for name, value in rqargs.items():
            if type(value) is float and not math.isfinite(value):
                _refuse(f"rqargs.{name}", f"rqargs.{name} must be a finite number")
        if self._validate is None:
            self._validate = fastjsonschema.compile(self.schema())
        args = copy.deepcopy(dict(rqargs)) if self._copies_deep else dict(rqargs)
        try:
            self._validate(args, name_prefix="rqargs")
        except fastjsonschema.JsonSchemaValueException as error:
            _refuse(".".join(error.path), str(error.message))
        return args

    def _refuse_names(self, rqargs: Mapping[str, Any]) -> NoReturn:
        for name in rqargs:
            if name not in self._names:
                known = f"; it takes {quoted_list(self._names)}" if self._names else "; it takes none"
                close = suggestion(str(name), self._names) or known
                _refuse(f"rqargs.{name}", f"`{self.action.name}` has no argument `{name}`{close}")
        missing = [name for name in self._names if name in self._required and name not in rqargs]
        _refuse(f"rqargs.{missing[0]}", f"`{self.action.name}` needs {quoted_list(missing)} in `rqargs`")


def _has_inner_default(schema: object) -> bool:
    """Whether validation may fill in something inside an argument, which must then be a copy."""
    if isinstance(schema, Mapping):
        inner = [
            value for key, value in schema.items() if key not in ("default", "enum", "const", "examples")
        ]
        return any(_holds_default(value) for value in inner)
    return False


def _holds_default(value: object) -> bool:
    if isinstance(value, Mapping):
        return "default" in value or any(map(_holds_default, value.values()))
    return isinstance(value, list) and any(map(_holds_default, value))


def _refuse(path: str, message: str) -> NoReturn:
    raise failure(Code.BAD_ARGS, message, details={"path": path})
