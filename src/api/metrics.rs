//! The service's metrics in Prometheus' text format. Labels are routes and statuses, never text
//! that a caller sent.

use flowcontrol_base::{Failure, Result};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// The metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    /// Requests in progress.
    pub in_flight: Gauge,
    /// Records appended.
    pub appended: Counter,
    /// Rehearsals started.
    pub rehearsals: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("flowcontrol");
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let metrics = Self {
            answered: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
            appended: Counter::default(),
            rehearsals: Counter::default(),
            registry: Registry::default(),
        };
        registry.register("http_requests", "Requests answered", metrics.answered.clone());
        registry.register(
            "http_request_seconds",
            "Time until the response headers were sent",
            metrics.seconds.clone(),
        );
        registry.register("http_in_flight", "Requests in progress", metrics.in_flight.clone());
        registry.register(
            "records_appended",
            "Records appended over HTTP",
            metrics.appended.clone(),
        );
        registry.register("rehearsals", "Rehearsals started over HTTP", metrics.rehearsals.clone());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a response.
    pub fn answered(&self, method: &'static str, route: String, status: u16, took: Duration) {
        self.seconds.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        self.answered.get_or_create(&Answered { method, route, status }).inc();
    }

    /// All metrics as text.
    ///
    /// # Errors
    /// None in practice: text can be written to.
    pub fn text(&self) -> Result<String> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .map_err(|e| Failure::environment(format!("the metrics cannot be serialized: {e}")))?;
        Ok(text)
    }
}
