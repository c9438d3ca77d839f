"""ccxt for Python, as Kraken's."""

import ccxt.pro
from ccxt_client import OPTIONS, Watcher, spot
from market import Server, check, conflated_quotes, finish, same_trades

SYMBOLS = {"BTC/USDT": "BTCUSDT", "ETH/USDT": "ETHUSDT", "SOL/USDT": "SOLUSDT"}


def kraken(server):
    exchange = ccxt.pro.kraken({"options": OPTIONS})
    exchange.urls["api"]["ws"]["publicV2"] = f"{server.ws}/v2"
    exchange.set_markets([spot(symbol.replace("/", ""), symbol) for symbol in SYMBOLS])
    return Watcher(exchange)


@check("ccxt for Python as Kraken's: every trade, exact, in order")
async def trades(recording):
    with Server(options="start=clients:1&speed=max") as server:
        watcher = kraken(server)
        watcher.watch_trades(list(SYMBOLS))
        for symbol, name in SYMBOLS.items():
            await watcher.have_trades(symbol, len(recording.trades[name]))
            same_trades(symbol, watcher.trades(symbol), recording.trades[name], resolution_us=1000)
        await watcher.close()
        server.balances()


@check("ccxt for Python as Kraken's: quotes by bbo, exact, in order, the last one too")
async def quotes(recording):
    with Server(options="start=clients:1&speed=20") as server:
        watcher = kraken(server)
        for symbol in SYMBOLS:
            watcher.watch_ticker(symbol, event_trigger="bbo")
        for symbol, name in SYMBOLS.items():
            await watcher.have_quote(symbol, recording.quotes[name][-1])
            conflated_quotes(symbol, watcher.quotes[symbol], recording.quotes[name])
        await watcher.close()


if __name__ == "__main__":
    finish()
