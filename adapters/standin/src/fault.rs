//! What can go wrong at the level of HTTP.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A fault. Its text is `NAME` or `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `lost`: the request takes effect, and the connection ends without an answer.
    Lost,
    /// `dropped`: the request takes no effect, and the connection ends without an answer.
    Dropped,
    /// `hang`: the request takes no effect, and no answer comes while the connection lives.
    Hang,
    /// `hang-after`: the request takes effect, and no answer comes while the connection lives.
    HangAfter,
    /// `delay=MILLISECONDS`: the request is handled after that time.
    Delay(Duration),
    /// `status=HTTP`: no effect; the answer is this status without a body.
    Status(u16),
    /// `status-after=HTTP`: the request takes effect; the answer is this status without a body.
    StatusAfter(u16),
    /// `429=RETRY-AFTER`: no effect; 429 with this header, whatever it holds.
    TooMany(String),
    /// `503=RETRY-AFTER`: no effect; 503 with this header, whatever it holds.
    Busy(String),
    /// `redirect=URL`: no effect; 307 to this address.
    Redirect(String),
    /// `truncated`: the request takes effect; half of the body comes, then the connection ends.
    Truncated,
    /// `slow=MILLISECONDS`: the request takes effect; the body comes byte by byte with this pause.
    Slow(Duration),
    /// `oversized=BYTES`: the request takes effect; the body is as many spaces.
    Oversized(usize),
    /// `content-type=TYPE`: the request takes effect; the answer claims this content type.
    ContentType(String),
    /// `garbage`: the request takes effect; the body is a page of HTML in place of the answer.
    Garbage,
    /// `omit=FIELD`: the request takes effect; the answer's JSON object lacks the field.
    Omit(String),
    /// `add=FIELD`: the request takes effect; the answer's JSON object has a field more.
    Add(String),
}

impl Fault {
    /// The known faults, for messages.
    pub const KNOWN: &str = "lost, dropped, hang, hang-after, delay=MILLISECONDS, status=HTTP, \
        status-after=HTTP, 429=RETRY-AFTER, 503=RETRY-AFTER, redirect=URL, truncated, \
        slow=MILLISECONDS, oversized=BYTES, content-type=TYPE, garbage, omit=FIELD, add=FIELD";
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let needed = || {
            let value = value.filter(|v| !v.is_empty()).map(str::to_owned);
            value.ok_or_else(|| format!("the fault {name} needs a value: {name}=VALUE"))
        };
        let number = |what: &str| -> Result<u32, String> {
            let value = needed()?;
            value.parse().map_err(|_| format!("{name}={value}: not a number of {what}"))
        };
        let pause = || Ok::<_, String>(Duration::from_millis(number("milliseconds")?.into()));
        let status = || -> Result<u16, String> {
            let value = needed()?;
            let read = value.parse().ok().filter(|s| (200..=599).contains(s));
            read.ok_or_else(|| format!("{name}={value}: not an HTTP status from 200 to 599"))
        };
        Ok(match name {
            "delay" => Self::Delay(pause()?),
            "status" => Self::Status(status()?),
            "status-after" => Self::StatusAfter(status()?),
            "429" => Self::TooMany(needed()?),
            "503" => Self::Busy(needed()?),
            "redirect" => Self::Redirect(needed()?),
            "slow" => Self::Slow(pause()?),
            "oversized" => Self::Oversized(number("bytes")? as usize),
            "content-type" => Self::ContentType(needed()?),
            "omit" => Self::Omit(needed()?),
            "add" => Self::Add(needed()?),
            _ if value.is_some() => {
                return Err(format!("the fault {name:?} is unknown or takes no value"));
            }
            "lost" => Self::Lost,
            "dropped" => Self::Dropped,
            "hang" => Self::Hang,
            "hang-after" => Self::HangAfter,
            "truncated" => Self::Truncated,
            "garbage" => Self::Garbage,
            _ => return Err(format!("unknown fault {name:?}; known are {}", Self::KNOWN)),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("lost"),
            Self::Dropped => f.write_str("dropped"),
            Self::Hang => f.write_str("hang"),
            Self::HangAfter => f.write_str("hang-after"),
            Self::Delay(pause) => write!(f, "delay={}", pause.as_millis()),
            Self::Status(status) => write!(f, "status={status}"),
            Self::StatusAfter(status) => write!(f, "status-after={status}"),
            Self::TooMany(after) => write!(f, "429={after}"),
            Self::Busy(after) => write!(f, "503={after}"),
            Self::Redirect(to) => write!(f, "redirect={to}"),
            Self::Truncated => f.write_str("truncated"),
            Self::Slow(pause) => write!(f, "slow={}", pause.as_millis()),
            Self::Oversized(bytes) => write!(f, "oversized={bytes}"),
            Self::ContentType(kind) => write!(f, "content-type={kind}"),
            Self::Garbage => f.write_str("garbage"),
            Self::Omit(field) => write!(f, "omit={field}"),
            Self::Add(field) => write!(f, "add={field}"),
        }
    }
}
