"""The log tells of each host that joins, leaves or is lost, once, by name and with numbers."""

from dataclasses import dataclass

from plcmq.broker.service.host_log import HostLog

LOCAL, HALL = b"", b"hall"


@dataclass
class Host:
    name: str = "hall"
    heard: float = 100.0
    seats: int = 1000


def lines(log, hosts, now=100.0):
    return [news.text for news in log.look(hosts, now)]


def log_with(host):
    log = HostLog(LOCAL, 8.0)
    log.look({HALL: host}, 100.0)
    return log


def test_a_host_that_joins_is_told_once_and_that_of_this_process_never():
    log, hosts = HostLog(LOCAL, 8.0), {LOCAL: Host("local"), HALL: Host()}
    assert lines(log, hosts) == ["host hall has joined; 1000 endpoints sit there now"]
    assert lines(log, hosts) == []


def test_a_lost_host_is_told_with_what_is_lost_and_for_how_long():
    host = Host()
    log = log_with(host)
    host.seats = 1
    log.look({HALL: host}, 101.0)
    host.seats = 0
    (news,) = log.look({}, 103.2)
    assert news.is_bad
    assert news.text == (
        "host hall is lost (no word for 3.2 s) with 1 endpoint: "
        "others may have them in 8 s, hall itself at once"
    )
    assert lines(log, {}) == []


def test_a_host_that_said_good_bye_has_left():
    log = log_with(Host())
    log.leaving.add(HALL)
    assert lines(log, {}) == ["host hall has left; 1000 endpoints can go to others at once"]


def test_a_host_that_was_lost_and_came_back_between_two_looks_is_told_as_both():
    log = log_with(Host())
    lost, back = lines(log, {HALL: Host(heard=101.0)})
    assert "is lost" in lost
    assert "has joined" in back
