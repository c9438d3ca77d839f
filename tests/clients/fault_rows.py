"""What each client's user gets of each ready scenario, with the seed of `faults.py`: docs/EXCHANGES.md shows this table, and
`faults_bytes.py` compares the two.
"""

# Of a client's own name here: the heading of its column, with the version of its package, and the package.
CLIENTS = {
    "ccxt binance": ("ccxt {}, Binance", "ccxt"),
    "ccxt coinbaseexchange": ("ccxt {}, Coinbase Exchange", "ccxt"),
    "ccxt kraken": ("ccxt {}, Kraken", "ccxt"),
    "nautilus": ("nautilus_trader {}, Binance", "nautilus_trader"),
}

CLOSED = "raises NetworkError at each close; the next call connects anew"
MUTE = "waits to the market's end, without an error"

ROWS = {
    "mute-streams": {
        "ccxt binance": "loses 8542 trades without a word",
        "ccxt coinbaseexchange": "loses 3599 trades without a word",
        "ccxt kraken": "loses 6580 trades without a word",
        "nautilus": "loses 8542 trades without a word",
    },
    "retired-root": {
        "ccxt binance": MUTE,
        "ccxt coinbaseexchange": MUTE,
        "ccxt kraken": MUTE,
        "nautilus": MUTE,
    },
    "day-close": {
        "ccxt binance": f"{CLOSED}; loses 1449 trades in between",
        "ccxt coinbaseexchange": f"{CLOSED}; loses 1449 trades in between",
        "ccxt kraken": f"{CLOSED}; loses 1449 trades in between",
        "nautilus": "connects anew by itself; loses 1449 trades in between",
    },
    "server-shutdown": {
        "ccxt binance": f"{CLOSED}; loses 1594 trades in between",
        "ccxt coinbaseexchange": f"{CLOSED}; loses 1594 trades in between",
        "ccxt kraken": f"{CLOSED}; loses 1594 trades in between",
        "nautilus": "connects anew by itself; loses 1594 trades in between",
    },
    "failover-duplicates": {
        "ccxt binance": "gives 458 trades twice",
        "ccxt coinbaseexchange": "gives 456 trades twice",
        "ccxt kraken": "gives 474 trades twice",
        "nautilus": "gives 458 trades twice",
    },
    "two-servers-reorder": {
        "ccxt binance": "gives 495 trades out of order",
        "ccxt coinbaseexchange": "gives 522 trades out of order",
        "ccxt kraken": "gives 538 trades out of order",
        "nautilus": "gives 495 trades out of order",
    },
    "sequence-gap": {
        "ccxt binance": "loses 118 trades without a word",
        "ccxt coinbaseexchange": "loses 108 trades without a word",
        "ccxt kraken": "loses 114 trades without a word",
        "nautilus": "loses 118 trades without a word",
    },
    "sequence-restart": {
        "ccxt binance": "gives numbers that begin again, 3 times",
        "ccxt coinbaseexchange": "gives numbers that begin again, 3 times",
        "ccxt kraken": "gives numbers that begin again, 3 times",
        "nautilus": "gives numbers that begin again, 3 times",
    },
    "rate-limit": {
        "ccxt binance": f"{CLOSED}; loses 419 trades in between",
        "ccxt coinbaseexchange": f"{CLOSED}; loses 419 trades in between",
        "ccxt kraken": f"{CLOSED}; loses 419 trades in between",
        "nautilus": "is refused a request; connects anew by itself; gives every trade once, in order",
    },
    "trading-halt": {
        "ccxt binance": "loses 1067 trades without a word",
        "ccxt coinbaseexchange": "loses 1067 trades without a word",
        "ccxt kraken": "loses 1067 trades without a word",
        "nautilus": "loses 1067 trades without a word",
    },
    "crash-burst": {
        "ccxt binance": f"{CLOSED}; loses 28 trades in between; gives 9860 trades in place of 986, which add up",
        "ccxt coinbaseexchange": f"{CLOSED}; loses 28 trades in between; gives 9860 trades in place of 986, which add up",
        "ccxt kraken": f"{CLOSED}; loses 28 trades in between; gives 9860 trades in place of 986, which add up",
        "nautilus": "connects anew by itself; loses 28 trades in between; gives 9860 trades in place of 986, which add up",
    },
    "old-ticks-stamped-now": {
        "ccxt binance": "gives 900 trades with a wrong time",
        "ccxt coinbaseexchange": "gives 900 trades with a wrong time",
        "ccxt kraken": "gives 900 trades with a wrong time",
        "nautilus": "gives 900 trades with a wrong time",
    },
}
