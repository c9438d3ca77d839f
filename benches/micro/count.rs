//! One case under callgrind: `benches/instructions.sh` runs this binary, and has callgrind count nothing but
//! [`instructions_counted_here`].
//!
//! `--cases` lists the names; `--count NAME small|full ITERATIONS PLANTED` runs one and prints how many items those
//! iterations had. PLANTED more iterations are run and not reported: a slow-down that `tests/instructions.sh` must find.

use std::process::ExitCode;

use crate::{
    cases,
    work::{Done, Scale, Work},
};

pub fn main(arguments: &[String]) -> ExitCode {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--cases"] => {
            cases().for_each(|(name, _)| println!("{name}"));
            ExitCode::SUCCESS
        }
        ["--count", name, scale, iterations, planted] => {
            match (Scale::parse(scale), iterations.parse(), planted.parse()) {
                (Some(scale), Ok(iterations), Ok(planted)) => count(name, scale, iterations, planted),
                _ => usage(),
            }
        }
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: --cases | --count NAME small|full ITERATIONS PLANTED");
    ExitCode::from(2)
}

fn count(name: &str, scale: Scale, iterations: usize, planted: usize) -> ExitCode {
    let Some((_, case)) = cases().find(|(found, _)| found == name) else {
        eprintln!("there is no case {name}: --cases lists them");
        return ExitCode::from(2);
    };
    let mut work = case.make(scale);
    work.warm_up();
    let mut items = Vec::new();
    for _ in 0..iterations + planted {
        work.prepare();
        items.push(instructions_counted_here(&mut *work).items);
    }
    work.audit();
    println!("{}", items[..iterations].iter().sum::<u64>());
    ExitCode::SUCCESS
}

/// Found by its name. Not inlined, and no tail of it is another function's, so that it has a beginning and an end.
#[inline(never)]
fn instructions_counted_here(work: &mut dyn Work) -> Done {
    divan::black_box(work.run())
}
