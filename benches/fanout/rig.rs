//! One test: a server on its core, feeder and generator on theirs, and windows in which all are looked at.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::{
    feeder::Feeder,
    generator::{Detail, Dialect, Generator, IN_FLIGHT_MAX, Plan, Ramp, Reading, Ready, Stream, Tally},
    lines::symbol,
    machine,
    servers::{Books, Contender, Peer, Places, Records, Security, Server, Wish, floor::Work, upgrade},
    tls,
};

pub struct Rig {
    pub contender: Contender,
    pub server: Server,
    pub feeder: Feeder,
    pub generator: Generator,
    /// What clients have in common, where the server speaks TLS.
    pub clients: Option<tls::Clients>,
}

/// What was seen of all parts in one stretch of time.
pub struct Window {
    pub seconds: f64,
    /// By group of clients.
    pub groups: Vec<Tally>,
    pub server_cpu_s: f64,
    pub generator_share: f64,
    /// Ticks that the feeder wrote.
    pub ticks_per_s: f64,
    pub lag_p99_ms: f64,
    /// Of tickcast alone.
    pub books: Option<Books>,
    /// Clients that are connected at its end.
    pub open: usize,
    /// What tickcast's accounts are short of balancing, at the window's end.
    pub residual: Option<f64>,
    pub rss_bytes: u64,
}

/// One client in so many looks at ages, and no fewer than the least.
const SAMPLED_ONE_IN: usize = 16;
const SAMPLED_MIN: usize = 8;

impl Rig {
    pub fn start(contender: Contender, symbols: usize, places: &Places) -> io::Result<Rig> {
        let mut server = contender.start(places)?;
        let feeder = Feeder::start(server.take_input(), symbols, contender.wrapping());
        let clients = match contender.security {
            Security::Plain => None,
            Security::Tls => Some(tls::Clients::new()?),
        };
        let rig = Rig { contender, server, feeder, generator: Generator::start()?, clients };
        // Every symbol has ticked once before anyone asks for it.
        rig.feeder.now(symbols)?;
        rig.settle(symbols)?;
        Ok(rig)
    }

    /// Returns when tickcast has taken in so many ticks; the others are given a moment.
    fn settle(&self, ticks: usize) -> io::Result<()> {
        if self.contender.peer != Peer::Tickcast {
            thread::sleep(Duration::from_millis(200));
            return Ok(());
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while Books::scrape(&self.server)?.get("tickcast_ticks_ingested_total") < ticks as f64 {
            if Instant::now() > deadline {
                return Err(io::Error::other("tickcast does not take its first ticks in"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Connects them all, or says what was in the way.
    pub fn connect(&self, plans: Vec<Plan>) -> io::Result<Ramp> {
        self.connect_at_once(plans, IN_FLIGHT_MAX)
    }

    /// The same, with so many on their way in at a time.
    pub fn connect_at_once(&self, mut plans: Vec<Plan>, at_once: usize) -> io::Result<Ramp> {
        for plan in &mut plans {
            plan.tls.clone_from(&self.clients);
        }
        connect(&self.generator, self.server.port, plans, at_once)
    }

    /// Lets all run for `warm`, then looks for `length`.
    pub fn window(&mut self, warm: Duration, length: Duration) -> io::Result<Window> {
        thread::sleep(warm);
        let scrape = |server: &Server| match self.contender.peer {
            Peer::Tickcast => Books::scrape(server).map(Some),
            _ => Ok(None),
        };
        let before = scrape(&self.server)?;
        self.feeder.take();
        let seen = look(&self.generator, &self.server, length)?;
        let written = self.feeder.take();
        if let Some(fault) = &written.broken {
            return Err(io::Error::other(format!("{} takes no more ticks: {fault}", self.contender.name())));
        }
        let after = scrape(&self.server)?;
        let residual = after.as_ref().map(|books| books.get("tickcast_updates_residual"));
        let books = after.zip(before).map(|(after, before)| after.since(&before));
        let mut window = Window {
            ticks_per_s: written.ticks as f64 / seen.seconds,
            lag_p99_ms: written.lag_p99_ms(),
            books,
            residual,
            ..seen
        };
        window.count_unread();
        Ok(window)
    }
}

/// The floor with this work and so many clients.
pub fn floor_window(
    work: &Work,
    clients: usize,
    (warm, length): (Duration, Duration),
    places: &Places,
) -> io::Result<Window> {
    let server = work.start(places)?;
    let generator = Generator::start()?;
    let plan = |number| Plan {
        request: upgrade("/", ""),
        stream: Stream::WebSocket,
        hello: Vec::new(),
        dialect: Dialect::Tickcast,
        ready: Ready::Answered,
        reading: Reading::All,
        group: 0,
        detail: detail(number, clients),
        receive_buffer_bytes: 0,
        tls: None,
    };
    connect(&generator, server.port, (0..clients).map(plan).collect(), IN_FLIGHT_MAX)?;
    thread::sleep(warm);
    look(&generator, &server, length)
}

pub fn connect(generator: &Generator, port: u16, plans: Vec<Plan>, at_once: usize) -> io::Result<Ramp> {
    let ramp = generator.connect(port, plans, at_once)?;
    if ramp.failed > 0 {
        let fault = ramp.fault.as_deref().unwrap_or("for no known reason");
        return Err(io::Error::other(format!("{} clients did not connect: {fault}", ramp.failed)));
    }
    Ok(ramp)
}

fn look(generator: &Generator, server: &Server, length: Duration) -> io::Result<Window> {
    let softirq = machine::cpu_of_softirq_thread();
    let (begin, cpu) = (Instant::now(), server.cpu()?);
    generator.mark()?;
    thread::sleep(length);
    let mark = generator.mark()?;
    if let Some(fault) = &mark.fault {
        eprintln!("  of a client: {fault}");
    }
    let (spent, elapsed_s) = (server.cpu()?.saturating_sub(cpu), begin.elapsed().as_secs_f64());
    let softirq = machine::cpu_of_softirq_thread().saturating_sub(softirq);
    Ok(Window {
        seconds: mark.seconds,
        groups: mark.groups,
        // By the generator's stretch of time, which is a little shorter than that between the two looks.
        server_cpu_s: (spent + softirq).as_secs_f64() / elapsed_s * mark.seconds,
        generator_share: mark.cpu_seconds / mark.seconds,
        ticks_per_s: 0.0,
        lag_p99_ms: 0.0,
        books: None,
        open: mark.open,
        residual: None,
        rss_bytes: server.rss_bytes()?,
    })
}

impl Window {
    /// One stretch of time, of two that follow one another.
    pub fn and(mut self, next: &Window) -> Window {
        for (group, more) in self.groups.iter_mut().zip(&next.groups) {
            group.add(more);
        }
        let seconds = self.seconds + next.seconds;
        let mean = |before: f64, after: f64| (before * self.seconds + after * next.seconds) / seconds;
        Window {
            server_cpu_s: self.server_cpu_s + next.server_cpu_s,
            generator_share: mean(self.generator_share, next.generator_share),
            ticks_per_s: mean(self.ticks_per_s, next.ticks_per_s),
            lag_p99_ms: self.lag_p99_ms.max(next.lag_p99_ms),
            books: None,
            groups: self.groups,
            seconds,
            open: next.open,
            residual: next.residual,
            rss_bytes: next.rss_bytes,
        }
    }

    pub fn messages_per_s(&self) -> f64 {
        self.groups.iter().map(|group| group.messages).sum::<u64>() as f64 / self.seconds
    }

    /// Where frames were not inflated, all frames have the messages that tickcast says they have on average; the other
    /// servers that compress send one message a frame.
    fn count_unread(&mut self) {
        let messages_a_frame = self.messages_a_write().unwrap_or(1.0);
        for group in self.groups.iter_mut().filter(|group| group.unread > 0) {
            group.messages = ((group.frames + group.unread) as f64 * messages_a_frame).round() as u64;
        }
    }

    pub fn bytes_per_message(&self) -> Option<f64> {
        let messages_per_s = self.messages_per_s();
        (messages_per_s > 0.0).then(|| self.bytes_per_s() / messages_per_s)
    }

    pub fn bytes_per_s(&self) -> f64 {
        self.groups.iter().map(|group| group.bytes).sum::<u64>() as f64 / self.seconds
    }

    pub fn cpu_us_per_message(&self) -> f64 {
        self.server_cpu_s / self.seconds / self.messages_per_s() * 1e6
    }

    /// Messages that do not follow those before them, as far as that was looked at.
    pub fn out_of_order(&self) -> u64 {
        self.groups.iter().map(|group| group.out_of_order).sum()
    }

    pub fn gone(&self) -> u64 {
        self.groups.iter().map(|group| group.gone).sum()
    }

    /// Messages in one write, by tickcast's own account.
    pub fn messages_a_write(&self) -> Option<f64> {
        let books = self.books.as_ref()?;
        let frames = books.get("tickcast_frames_sent_total");
        (frames > 0.0).then(|| books.get("tickcast_updates_delivered_total") / frames)
    }

    /// The floor's work that makes the same writes: at most so many rounds a second, which is how often ticks come.
    pub fn matched_floor(&self, clients: usize, rounds_per_s_max: f64) -> Option<Work> {
        let messages_a_write = self.messages_a_write()?.max(1.0);
        let books = self.books.as_ref()?;
        let bytes_a_message =
            books.get("tickcast_bytes_sent_total") / books.get("tickcast_updates_delivered_total");
        let writes_per_s = self.messages_per_s() / messages_a_write;
        let rounds_per_s = rounds_per_s_max.max(writes_per_s / clients as f64);
        let share = writes_per_s / rounds_per_s / clients as f64;
        // All but all of them is all of them: the shortfall is one of counting.
        let (rounds_per_s, share) =
            if share > 0.97 { (writes_per_s / clients as f64, 1.0) } else { (rounds_per_s, share) };
        Some(Work { rounds_per_s, share, messages_a_write, bytes_a_message, greeting_bytes: 0 })
    }
}

/// How closely the client of this number looks.
pub fn detail(number: usize, clients: usize) -> Detail {
    let step = SAMPLED_ONE_IN.min((clients / SAMPLED_MIN).max(1));
    if number.is_multiple_of(step) { Detail::Ages } else { Detail::Count }
}

/// A client like most: it reads all, and wants these.
pub fn wish(symbols: &[String], number: usize, clients: usize) -> Wish<'_> {
    Wish {
        symbols,
        reading: Reading::All,
        group: 0,
        detail: detail(number, clients),
        receive_buffer_bytes: 0,
        records: Records::AsServed,
    }
}

/// The first symbols.
pub fn symbols(count: usize) -> Vec<String> {
    (0..count).map(symbol).collect()
}

/// For each client, so many different symbols out of `of`, the popular ones more often: rank r with weight 1/r.
pub fn zipf_choices(clients: usize, each: usize, of: usize) -> Vec<Vec<String>> {
    let mut random = Pcg64Mcg::seed_from_u64(11);
    let mut sums = Vec::with_capacity(of);
    let mut total = 0.0;
    for rank in 1..=of {
        total += 1.0 / rank as f64;
        sums.push(total);
    }
    let mut choose = || {
        let mut chosen: Vec<usize> = Vec::with_capacity(each);
        while chosen.len() < each {
            let at = random.random_range(0.0..total);
            let drawn = sums.partition_point(|sum| *sum <= at);
            if !chosen.contains(&drawn) {
                chosen.push(drawn);
            }
        }
        chosen.into_iter().map(symbol).collect()
    };
    (0..clients).map(|_| choose()).collect()
}
