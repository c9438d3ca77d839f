"""ccxt for Python, as Coinbase Advanced Trade's."""

import ccxt.pro
from ccxt_client import OPTIONS, Watcher, spot
from market import Server, check, finish, same_trades

SYMBOLS = {"BTC/USDT": "BTCUSDT", "ETH/USDT": "ETHUSDT", "SOL/USDT": "SOLUSDT"}
# ccxt gives the side as the venue does: that of the resting order.
RESTING = {"buy": "sell", "sell": "buy"}


def coinbase(server):
    exchange = ccxt.pro.coinbase({"options": OPTIONS})
    exchange.urls["api"]["ws"] = f"{server.ws}/coinbase"
    exchange.set_markets([spot(symbol.replace("/", "-"), symbol) for symbol in SYMBOLS])
    return Watcher(exchange)


@check("ccxt for Python as Coinbase Advanced Trade's: every trade, exact, in order")
async def trades(recording):
    with Server(options="start=clients:1&speed=max") as server:
        watcher = coinbase(server)
        watcher.watch_trades(list(SYMBOLS))
        for symbol, name in SYMBOLS.items():
            await watcher.have_trades(symbol, len(recording.trades[name]))
            seen = [trade._replace(side=RESTING[trade.side]) for trade in watcher.trades(symbol)]
            same_trades(symbol, seen, recording.trades[name], resolution_us=1000)
        await watcher.close()
        server.balances()


if __name__ == "__main__":
    finish()
