// The chart of the chosen symbol, by TradingView's lightweight-charts: bars of the price, and the volume below.
//
// Its time is that at which the server took ticks in, which never goes back; feeds' own may, as a recording that is looped does.

import type { CandlestickData, HistogramData, IChartApi, ISeriesApi, Time, UTCTimestamp } from 'lightweight-charts';
import type { Bar, Bars } from './bars';
import { written } from './decimal';
import { byId, make, mark, utc } from './dom';

const STEPS_S: readonly [number, string][] = [[1, '1 s'], [5, '5 s'], [15, '15 s'], [60, '1 min']];
/** Digits that a double holds: more of them on the axis would be noise. */
const DIGITS = 15;

const clock = (time: Time, seconds: boolean): string => utc((time as number) * 1_000, seconds ? 19 : 16);

/** A colour of the style sheet, as it is in force now. */
function colour(name: string): string {
  const probe = document.body.appendChild(make('span'));
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export class Chart {
  #chart: IChartApi | undefined;
  #prices: ISeriesApi<'Candlestick'> | undefined;
  #volumes: ISeriesApi<'Histogram'> | undefined;
  #bars: Bars | undefined;
  #newest = 0;
  /** The newest price, and how it is written where it is shown beside the chart. */
  #exact = { value: NaN, text: '' };
  #places = 0;
  #wanted = 0;
  #version = -1;
  #revisions = 0;
  #stepS = 1;
  #colours = { up: '', down: '' };

  constructor(private readonly box: HTMLElement) {
    const steps = byId('step');
    for (const [seconds, label] of STEPS_S) {
      const button = make('button', '', label);
      button.type = 'button';
      button.setAttribute('aria-pressed', String(seconds === this.#stepS));
      button.addEventListener('click', () => {
        this.#stepS = seconds;
        for (const other of steps.children) other.setAttribute('aria-pressed', String(other === button));
        this.#all();
      });
      steps.append(button);
    }
    void this.#load();
  }

  /** Another symbol's bars, of so many decimal places. */
  show(bars: Bars, places: number): void {
    this.#bars = bars;
    this.setPlaces(places);
    this.#all();
    this.#chart?.timeScale().scrollToRealTime();
  }

  setPlaces(places: number): void {
    this.#wanted = places;
    const whole = String(Math.trunc(Math.abs(this.#bars?.newest?.close ?? 0))).length;
    this.#places = Math.max(0, Math.min(places, DIGITS - whole));
    this.#prices?.applyOptions({ priceFormat: { type: 'custom', formatter: (price: number) => this.#write(price), minMove: Number(`1e-${this.#places}`) } });
  }

  /** Draws what has changed since it was last drawn. `price` is what is shown beside it, and `text` how it is written there. */
  paint(price: number, text: string): void {
    if (!this.#bars || this.#version === this.#bars.version) return;
    this.#version = this.#bars.version;
    this.#exact = { value: price, text };
    this.box.dataset.price = this.#bars.newest ? this.#write(this.#bars.newest.close) : '';
    // What is not new can be drawn with all the rest alone.
    if (this.#revisions !== this.#bars.revisions) {
      this.#all();
      this.#version = this.#bars.version;
    }
    const bars = this.#bars.grouped(this.#stepS, this.#newest);
    for (const bar of bars) {
      this.#prices?.update(candle(bar));
      this.#volumes?.update(this.#volume(bar));
    }
    this.#newest = bars.at(-1)?.time ?? this.#newest;
    mark(this.box, this.#newest ? '' : 'no-bars');
  }

  /** Other colours. */
  restyle(): void {
    if (!this.#chart) return;
    const [text, line, up, down, hollow] = ['muted', 'line', 'up', 'down', 'raised'].map(colour) as [string, string, string, string, string];
    this.#colours = { up, down };
    this.#chart.applyOptions({
      layout: { background: { color: 'transparent' }, textColor: text },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    // Rising bars are hollow, falling ones filled: not colour alone.
    this.#prices?.applyOptions({ upColor: hollow, borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down });
    this.#all();
  }

  async #load(): Promise<void> {
    const { CandlestickSeries, createChart, HistogramSeries } = await import('./vendor');
    this.#chart = createChart(this.box, {
      autoSize: true,
      // The notice that its licence asks for stands at the foot of the page.
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 11 },
      localization: { timeFormatter: (time: Time) => `${clock(time, true)} UTC` },
      timeScale: { timeVisible: true, secondsVisible: true, rightOffset: 4, barSpacing: 7, minBarSpacing: 1, tickMarkFormatter: (time: Time, kind: number) => clock(time, kind > 3) },
      crosshair: { mode: 0 },
    });
    this.#prices = this.#chart.addSeries(CandlestickSeries, { priceLineStyle: 1 });
    this.#volumes = this.#chart.addSeries(HistogramSeries, { priceScaleId: 'volume', priceFormat: { type: 'volume' }, lastValueVisible: false, priceLineVisible: false });
    this.#prices.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.26 } });
    this.#volumes.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.setPlaces(this.#wanted);
    this.restyle();
  }

  #all(): void {
    this.#version = -1;
    this.#revisions = this.#bars?.revisions ?? 0;
    const bars = this.#bars?.grouped(this.#stepS) ?? [];
    this.#prices?.setData(bars.map(candle));
    this.#volumes?.setData(bars.map(bar => this.#volume(bar)));
    this.#newest = bars.at(-1)?.time ?? 0;
  }

  #write(price: number): string {
    return price === this.#exact.value ? this.#exact.text : written(price.toFixed(this.#places));
  }

  #volume({ time, volume, open, close }: Bar): HistogramData {
    const { up, down } = this.#colours;
    return { time: time as UTCTimestamp, value: volume, color: (close < open ? down : up).replace(/^rgb\((.*)\)$/, 'rgba($1, 0.35)') };
  }
}

function candle({ time, open, high, low, close }: Bar): CandlestickData {
  return { time: time as UTCTimestamp, open, high, low, close };
}
