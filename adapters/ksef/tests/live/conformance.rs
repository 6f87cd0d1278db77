//! Both kinds pass the suite for `KsefProvider.v1`.

use crate::scene::{Scene, cx};
use async_trait::async_trait;
use flowcontrol_conformance::ksef::{KsefFixture, assert_all};
use flowcontrol_contract::{KsefProvider, TenantId};
use flowcontrol_ksef_testkit::invoices;
use std::sync::Arc;
use std::time::Duration;

struct Live(Scene);

#[async_trait]
impl KsefFixture for Live {
    async fn provider(&self) -> Arc<dyn KsefProvider> {
        Arc::new(self.0.client())
    }

    fn tenant(&self) -> TenantId {
        cx().tenant
    }

    fn invoice(&self, number: &str) -> Vec<u8> {
        invoices::invoice(number)
    }

    async fn received(&self) -> usize {
        self.0.received()
    }

    async fn decide(&self) {
        // It decides at once, but takes packages apart beside everything else.
        let (mut seen, mut quiet) = (self.0.received(), 0);
        while quiet < 10 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = self.0.received();
            quiet = if now == seen { quiet + 1 } else { 0 };
            seen = now;
        }
        // Its limits are per second and minute too, and nobody waits.
        self.0.clock.advance(Duration::from_secs(61));
    }
}

#[tokio::test]
async fn the_live_client_keeps_the_contract() {
    assert_all(&Live(Scene::new().await)).await;
}
