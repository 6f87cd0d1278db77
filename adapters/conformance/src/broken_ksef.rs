//! Proves that the suite for `KsefProvider.v1` can fail.
//!
//! The reference adapter, which simulates KSeF in memory, passes every case. Each [`Defect`] breaks
//! it in one way and names the case that must notice.

use crate::ksef::{Case, KsefFixture, assert_all, cases, run};
use async_trait::async_trait;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::ksef::{
    InvoiceState, Invoices, KsefLimits, KsefProbe, Submission, Submitted, Upo,
};
use flowcontrol_contract::{
    AdapterInfo, CallCx, Digest, KsefNumber, KsefProvider, Mode, Port, Reference, TenantId,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    SaysItIsAStore,
    NeverAccepts,
    SendsAgain,
    ForgetsAtRestart,
    GivesOneNumberToAll,
    TurnsABatchAround,
    SendsABatchAgain,
    StaysInItsSession,
    ReceiptOfAnother,
    ReceiptThatChanges,
    ReceiptTooEarly,
    FindsNothing,
    FindsAnything,
    SendsWhatIsWrong,
    SendsAWrongBatch,
    TakesAnEmptyBatch,
    IgnoresHowItIsSent,
    ShowsToOthers,
}

impl Defect {
    const ALL: [(Self, &str); 18] = [
        (Self::SaysItIsAStore, "sends/and_says_what_it_is"),
        (Self::NeverAccepts, "sends/an_invoice_until_it_has_a_number"),
        (Self::SendsAgain, "sends/the_same_file_once"),
        (Self::ForgetsAtRestart, "sends/nothing_again_after_a_restart"),
        (Self::GivesOneNumberToAll, "sends/each_of_many"),
        (Self::TurnsABatchAround, "sends/a_batch_in_its_order"),
        (Self::SendsABatchAgain, "sends/the_same_batch_once"),
        (Self::StaysInItsSession, "sends/nothing_more_after_a_close"),
        (Self::ReceiptOfAnother, "proves/by_a_receipt_of_this_invoice"),
        (Self::ReceiptThatChanges, "proves/by_the_same_receipt_after_a_restart"),
        (Self::ReceiptTooEarly, "proves/nothing_that_is_not_accepted"),
        (Self::FindsNothing, "proves/by_finding_an_invoice_by_its_bytes"),
        (Self::FindsAnything, "proves/nothing_by_finding_another"),
        (Self::SendsWhatIsWrong, "refuses/what_breaks_a_rule"),
        (Self::SendsAWrongBatch, "refuses/a_batch_with_one_that_does"),
        (Self::TakesAnEmptyBatch, "refuses/an_empty_batch"),
        (Self::IgnoresHowItIsSent, "refuses/the_same_file_as_another_sending"),
        (Self::ShowsToOthers, "refuses/another_tenant"),
    ];
}

/// What KSeF and the adapter's folder contain, over restarts.
#[derive(Debug, Default)]
struct World {
    received: usize,
    sessions: usize,
    receipts: usize,
    decided: bool,
    kept: BTreeMap<Digest, (Submitted, bool)>,
}

#[derive(Debug)]
struct Adapter {
    defect: Option<Defect>,
    world: Arc<Mutex<World>>,
}

fn tenant() -> TenantId {
    TenantId::new("bfg-control").unwrap()
}

fn reference(what: &str, n: usize) -> Reference {
    Reference::new(format!("20261127-{what}-{n:010}-0000000000-00")).unwrap()
}

fn number(n: usize) -> KsefNumber {
    KsefNumber::new(format!("5265877635-20261127-{n:012}-00")).unwrap()
}

fn good(file: &[u8]) -> bool {
    file.starts_with(b"<Faktura") && file.ends_with(b"</Faktura>")
}

impl Adapter {
    fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn kept(&self, cx: &CallCx, invoice: &Digest) -> Result<Submitted> {
        let nobody = || Error::new(ErrorKind::NotFound, "no such invoice");
        if cx.tenant != tenant() && !self.has(Defect::ShowsToOthers) {
            return Err(nobody());
        }
        let world = self.world();
        let (mut told, _) = world.kept.get(invoice).cloned().ok_or_else(nobody)?;
        if world.decided && !self.has(Defect::NeverAccepts) {
            let place = world.kept.keys().position(|d| d == invoice).unwrap_or(0);
            let place = if self.has(Defect::GivesOneNumberToAll) { 0 } else { place };
            let accepted = InvoiceState::Accepted {
                number: number(place),
                at: None,
                offline: false,
                earlier: None,
            };
            told.state = accepted;
        }
        Ok(told)
    }

    fn take(&self, file: &[u8], offline: bool) -> Submitted {
        let mut world = self.world();
        world.received += 1;
        world.decided = false;
        let told = Submitted {
            invoice: Digest::of(file),
            session: Some(reference("SO", world.sessions)),
            reference: Some(reference("EE", world.received)),
            state: InvoiceState::Pending { code: 100 },
        };
        world.kept.insert(told.invoice, (told.clone(), offline));
        told
    }
}

#[async_trait]
impl KsefProvider for Adapter {
    fn info(&self) -> AdapterInfo {
        let port = if self.has(Defect::SaysItIsAStore) { Port::Store } else { Port::Ksef };
        AdapterInfo { port, kind: "reference", mode: Mode::Local, endpoint: "memory".into() }
    }

    async fn submit(&self, cx: &CallCx, submission: &Submission<'_>) -> Result<Submitted> {
        let invoice = Digest::of(submission.invoice);
        let earlier = self.world().kept.get(&invoice).cloned();
        match earlier {
            Some((_, offline))
                if offline != submission.offline && !self.has(Defect::IgnoresHowItIsSent) =>
            {
                Err(Error::conflict("it was sent otherwise"))
            }
            Some(_) if !self.has(Defect::SendsAgain) => self.kept(cx, &invoice),
            _ if !good(submission.invoice) && !self.has(Defect::SendsWhatIsWrong) => {
                Err(Error::invalid("it is not a valid invoice"))
            }
            _ => Ok(self.take(submission.invoice, submission.offline)),
        }
    }

    async fn submit_batch(
        &self,
        cx: &CallCx,
        invoices: &mut Invoices<'_>,
        offline: bool,
    ) -> Result<Vec<Submitted>> {
        let files: Vec<Vec<u8>> = invoices.collect::<Result<_>>()?;
        if files.is_empty() && !self.has(Defect::TakesAnEmptyBatch) {
            return Err(Error::invalid("it is empty"));
        }
        if files.iter().any(|f| !good(f)) && !self.has(Defect::SendsAWrongBatch) {
            return Err(Error::invalid("it contains an invalid invoice"));
        }
        let mut told = Vec::new();
        for file in &files {
            let invoice = Digest::of(file);
            let known = self.world().kept.contains_key(&invoice);
            told.push(match known && !self.has(Defect::SendsABatchAgain) {
                true => self.kept(cx, &invoice)?,
                false => self.take(file, offline),
            });
        }
        if self.has(Defect::TurnsABatchAround) {
            told.reverse();
        }
        Ok(told)
    }

    async fn status(&self, cx: &CallCx, invoice: &Digest) -> Result<Submitted> {
        self.kept(cx, invoice)
    }

    async fn upo(&self, cx: &CallCx, invoice: &Digest) -> Result<Upo> {
        let told = self.kept(cx, invoice)?;
        let given = match told.state {
            InvoiceState::Accepted { number, .. } => number,
            _ if self.has(Defect::ReceiptTooEarly) => number(0),
            _ => return Err(Error::conflict("it is not accepted")),
        };
        let mut world = self.world();
        world.receipts += usize::from(self.has(Defect::ReceiptThatChanges));
        let named = if self.has(Defect::ReceiptOfAnother) { number(999) } else { given.clone() };
        let xml = format!("<Potwierdzenie>{named} {}</Potwierdzenie>", world.receipts).into_bytes();
        Ok(Upo { number: given, invoice: *invoice, digest: Digest::of(&xml), xml })
    }

    async fn find(&self, cx: &CallCx, invoice: &Digest) -> Result<Option<Submitted>> {
        if self.has(Defect::FindsAnything) {
            let any = *self.world().kept.keys().next().unwrap();
            return self.kept(cx, &any).map(Some);
        }
        Ok(self.kept(cx, invoice).ok().filter(|_| !self.has(Defect::FindsNothing)))
    }

    async fn close(&self, _: &CallCx) -> Result<()> {
        self.world().sessions += usize::from(!self.has(Defect::StaysInItsSession));
        Ok(())
    }

    async fn limits(&self, _: &CallCx) -> Result<KsefLimits> {
        Ok(KsefLimits {
            invoice_bytes: 1,
            invoice_with_attachment_bytes: 1,
            invoices_in_session: 1,
            invoices_in_batch: 1,
            rates: Vec::new(),
        })
    }

    async fn probe(&self) -> Result<KsefProbe> {
        Ok(KsefProbe {
            environment: "memory".into(),
            context: "5265877635".into(),
            signed_in_by: "nobody".into(),
            keys: 1,
            certificate_until: None,
        })
    }
}

struct Fixture {
    defect: Option<Defect>,
    world: Arc<Mutex<World>>,
}

impl Fixture {
    fn new(defect: Option<Defect>) -> Self {
        Self { defect, world: Arc::default() }
    }
}

#[async_trait]
impl KsefFixture for Fixture {
    async fn provider(&self) -> Arc<dyn KsefProvider> {
        if self.defect == Some(Defect::ForgetsAtRestart) {
            self.world.lock().unwrap().kept.clear();
        }
        Arc::new(Adapter { defect: self.defect, world: self.world.clone() })
    }

    fn tenant(&self) -> TenantId {
        tenant()
    }

    fn invoice(&self, number: &str) -> Vec<u8> {
        format!("<Faktura>{number}</Faktura>").into_bytes()
    }

    async fn received(&self) -> usize {
        self.world.lock().unwrap().received
    }

    async fn decide(&self) {
        self.world.lock().unwrap().decided = true;
    }
}

#[tokio::test]
async fn the_reference_passes_every_case() {
    assert_all(&Fixture::new(None)).await;
}

#[tokio::test]
async fn every_defect_is_noticed_by_the_case_that_is_for_it() {
    for (defect, case) in Defect::ALL {
        let report = run(&Fixture::new(Some(defect))).await;
        let noticed = report.failed.iter().any(|(name, _)| *name == case);
        assert!(noticed, "{defect:?} is not noticed by {case}: {report}");
    }
}

#[test]
fn every_case_has_a_defect_that_it_notices() {
    let covered: Vec<&str> = Defect::ALL.iter().map(|(_, case)| *case).collect();
    for case in cases().iter().map(Case::name) {
        assert!(covered.contains(&case), "nothing shows that {case} can fail");
    }
}
