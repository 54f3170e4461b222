"""Load on a running broker: what to ask and when, the asking, the measuring, and the report.

Strategy: what decides is pure (`mix`, `schedule`, `meter`, `summary`); `generator` asks with asyncio and
`processes` runs several of it. Needs the extra `loadtest`; nothing else of the client imports this package.
"""
