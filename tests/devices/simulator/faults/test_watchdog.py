"""The output watchdog (F11)."""

from plcmq.devices.model.tags import Table
from plcmq.devices.simulator.faults.watchdog import OutputWatchdog


async def test_starved_outputs_go_safe_and_feeding_arms_again(plc, master):
    with plc.fault(OutputWatchdog(table=Table.COIL, address=0, count=8, period=0.05)):
        for strikes in (1, 2):
            await master.ask("05 0002 ff00")
            await plc.evidence.wait_until(lambda e, n=strikes: e.faults["watchdog"] == n)
            assert plc.unit.coils[2] == 0
