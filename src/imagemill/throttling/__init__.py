"""How often somebody may ask: token buckets for the whole site, for a route, for a client.

    rates     "20/s burst 100" → a bucket            routes   which request spends from which buckets
    bucket    the arithmetic                         gate     the judge in front of the gateway's routes
    port      what a limiter promises                memory, table, redis   who keeps the levels

Apart from `delivery.slots`, which asks how many may work at once, and from `engine.limits`, which asks how big.
"""
