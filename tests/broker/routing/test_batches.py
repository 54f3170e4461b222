"""A batch is started in pieces, in order, and a part that is no request is refused in its place."""

import pytest
from plcmq.broker.routing.batches import MAX_BATCH, PIECE, Batches
from plcmq.broker.routing.pending import Pending
from plcmq.client import PlcmqError
from plcmq.client.protocol.bodies import Codec
from plcmq.client.protocol.messages import Limits


class Started(Batches):
    def __init__(self) -> None:
        self.started: list[tuple[int, object]] = []
        self.refused: list[int] = []
        super().__init__(
            Limits(),
            lambda part, request, _now: self.started.append((part.place, request.id)),
            lambda part, _error, _now: self.refused.append(part.place),
        )


def whole() -> Pending:
    return Pending(b"c", (b"c",), 1, Codec.JSON, 0.0, 5.0)


def test_a_long_batch_is_started_piece_by_piece():
    batches = Started()
    batches.begin(whole(), {"requests": [{"action": "ping", "id": n} for n in range(PIECE + 1)]}, 0.0)
    assert batches.started == [(n, n) for n in range(PIECE)]
    assert len(batches) == 1
    batches.go_on(0.1)
    assert batches.started[-1] == (PIECE, PIECE)
    assert len(batches) == 0


def test_a_part_that_is_no_request_is_refused_in_its_place():
    batches = Started()
    batches.begin(whole(), {"requests": [{"action": "ping"}, {"nonsense": 1}]}, 0.0)
    assert ([place for place, _ in batches.started], batches.refused) == ([0], [1])


@pytest.mark.parametrize("requests", [None, [], "ping", [{"action": "ping"}] * (MAX_BATCH + 1)])
def test_what_is_no_list_of_requests_is_refused(requests):
    with pytest.raises(PlcmqError, match="must be a list of 1 to"):
        Started().begin(whole(), {"requests": requests}, 0.0)
