"""Device identification (function 43/14), gathered over as many replies as a device needs.

The only file that knows pymodbus, whose classes decode the objects.
"""

from __future__ import annotations

from typing import Final

from pymodbus.pdu.mei_message import ReadDeviceInformationRequest, ReadDeviceInformationResponse

from .errors import BadReply
from .pdu import Transaction

OBJECT_NAMES: Final = {
    0: "vendor_name",
    1: "product_code",
    2: "revision",
    3: "vendor_url",
    4: "product_name",
    5: "model_name",
    6: "user_application_name",
}
_IDENTIFY: Final = 0x2B
_IDENTIFY_HEAD: Final = b"\x2b\x0e"
_IDENTIFY_LEAST: Final = 7  # bytes of a reply without any object


def identify(code: int = 1, object_id: int = 0) -> Transaction:
    """Asks for the identification (FC43/14): `code` 1 basic, 2 regular, 3 extended, 4 one object.

    Raises:
        ValueError: no such code or object.
    """
    if not (1 <= code <= 4 and 0 <= object_id <= 0xFF):
        raise ValueError(f"no identification has code {code} and object {object_id}")
    request = ReadDeviceInformationRequest(code, object_id)
    return Transaction(_IDENTIFY, bytes((_IDENTIFY,)) + request.encode(), False, _IDENTIFY_HEAD, 0, 1)


class Identification:
    """A device's identification, gathered over as many replies as the device needs.

        found = Identification()
        while not found.complete:
            found.add(await transact(found.request()))

    Attributes:
        objects: text by name (`vendor_name`, `product_code`, `revision`, …; `object_128` if it has none).
        complete: whether nothing is left to ask for.
    """

    def __init__(self, code: int = 1) -> None:
        self.objects: dict[str, str] = {}
        self.complete = False
        self._code = code
        self._next = 0

    def request(self) -> Transaction:
        """The request for what is still missing."""
        return identify(self._code, self._next)

    def add(self, payload: bytes) -> None:
        """Takes the payload of the reply to `request()`.

        Raises:
            BadReply: it is broken, or would make us ask for the same again without end.
        """
        if len(payload) < _IDENTIFY_LEAST - 1 or not _is_whole(payload):
            raise BadReply("the identification ends in the middle")
        reply = ReadDeviceInformationResponse()
        reply.decode(payload)
        for number, content in reply.information.items():
            # pymodbus gives a list where the device sent the same object twice.
            text = b"".join(content) if isinstance(content, list) else bytes(content)
            name = OBJECT_NAMES.get(number, f"object_{number}")
            self.objects[name] = text.decode("utf-8", "replace").rstrip("\0 ")
        self.complete = not reply.more_follows
        if not self.complete and reply.next_object_id <= max(self._next, *reply.information, 0):
            raise BadReply(f"the identification goes back to object {reply.next_object_id}")
        self._next = reply.next_object_id


def _is_whole(payload: bytes) -> bool:
    position = _IDENTIFY_LEAST - 1
    while position + 1 < len(payload):
        position += 2 + payload[position + 1]
    return position == len(payload)
