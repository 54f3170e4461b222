"""The path under which the documents show faults of silence: lost and late replies, stops and cut lines."""

from .faults.silence import Blackhole, IdleClose, LateReplies, PlcStop, PowerCycle, ReplyLost, Unplug

__all__ = ["Blackhole", "IdleClose", "LateReplies", "PlcStop", "PowerCycle", "ReplyLost", "Unplug"]
