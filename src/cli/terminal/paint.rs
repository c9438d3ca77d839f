//! Lines and frames in a buffer, cut to the room that there is.
//!
//! Invariant: nothing is written outside the buffer, however small it is.

use ratatui_core::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};

use super::{
    Theme,
    width::{beginning, padded, width},
};

/// Writes within the buffer, and nothing where there is no room.
pub fn put(buf: &mut Buffer, x: usize, y: u16, text: &str, style: Style) {
    let width = usize::from(buf.area().width);
    if x < width && y < buf.area().height {
        buf.set_stringn(x as u16, y, text, width - x, style);
    }
}

// === impl Theme ===

impl Theme {
    /// A line with something at its left and something at its right, which comes first when room is short.
    pub fn sides(self, buf: &mut Buffer, y: u16, left: &str, right: &str) {
        let room = usize::from(buf.area().width);
        let right = self.cut_to(right, room);
        let begin = room - width(&right);
        let between = usize::from(!right.is_empty() && !right.starts_with(' '));
        buf.set_stringn(0, y, self.cut_to(left, begin.saturating_sub(between)), room, Style::new());
        buf.set_stringn(begin as u16, y, right, room - begin, Style::new());
    }

    /// A text that is not wider than the room, in cells; what is cut off leaves a sign.
    pub fn cut_to(self, text: &str, room: usize) -> String {
        if width(text) <= room {
            return text.to_owned();
        }
        if room == 0 { String::new() } else { beginning(text, room - 1).to_owned() + self.cut() }
    }

    /// A frame in the middle with these lines, those around `at` or from `top` on; the answer is the `top` that was used.
    pub fn framed(
        self,
        buf: &mut Buffer,
        title: &str,
        lines: &[String],
        top: usize,
        at: Option<usize>,
    ) -> usize {
        let area = *buf.area();
        let widest = lines.iter().map(|line| width(line)).max().unwrap_or(0);
        let wide = (widest + 4).max(width(title) + 6).min(usize::from(area.width));
        let height = (lines.len() + 2).min(usize::from(area.height));
        if wide < 5 || height < 3 {
            return top;
        }
        let (room, inner) = (height - 2, wide - 4);
        let top = match at {
            Some(at) => (at + 1).saturating_sub(room),
            None => top.min(lines.len() - room),
        };
        let x = (usize::from(area.width) - wide) / 2;
        let y = (usize::from(area.height) - height) / 2;
        let (corners, flat, side) =
            if self.unicode { (["┌", "┐", "└", "┘"], "─", "│") } else { (["+"; 4], "-", "|") };
        let title = self.cut_to(&format!(" {title} "), wide - 4);
        let rest = flat.repeat(wide - 3 - width(&title));
        // What lies below must not shine through with their colours.
        let frame = Rect { x: x as u16, y: y as u16, width: wide as u16, height: height as u16 };
        for place in frame.positions() {
            buf[place].reset();
        }
        let plain = Style::new();
        put(buf, x, frame.y, &format!("{}{flat}{title}{rest}{}", corners[0], corners[1]), plain);
        for (index, line) in lines.iter().skip(top).take(room).enumerate() {
            let y = frame.y + 1 + index as u16;
            let line = self.cut_to(line, inner);
            let style = if at == Some(top + index) { plain.add_modifier(Modifier::REVERSED) } else { plain };
            put(buf, x, y, &format!("{side} "), plain);
            put(buf, x + 2, y, &padded(&line, inner), style);
            put(buf, x + 2 + inner, y, &format!(" {side}"), plain);
        }
        let more = if top + room < lines.len() { self.cut_to(" more: j ", wide - 4) } else { String::new() };
        let rest = flat.repeat(wide - 3 - width(&more));
        put(buf, x, frame.bottom() - 1, &format!("{}{flat}{more}{rest}{}", corners[2], corners[3]), plain);
        top
    }
}
