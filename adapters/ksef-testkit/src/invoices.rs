//! Invoices of our own making, small and right.

/// The context that all tests sign in to: the seller's NIP.
pub const SELLER: &str = "5265877635";

/// The day on which everything happens.
pub const DAY: &str = "2026-11-27";

const BODY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Faktura xmlns="http://crd.gov.pl/wzor/2025/06/25/13775/">
<Naglowek><KodFormularza kodSystemowy="FA (3)" wersjaSchemy="1-0E">FA</KodFormularza>
<WariantFormularza>3</WariantFormularza><DataWytworzeniaFa>2026-11-27T08:00:00Z</DataWytworzeniaFa>
<SystemInfo>FlowControl</SystemInfo></Naglowek>
<Podmiot1><DaneIdentyfikacyjne><NIP>5265877635</NIP><Nazwa>BFG Control</Nazwa></DaneIdentyfikacyjne>
<Adres><KodKraju>PL</KodKraju><AdresL1>ul. Prosta 1, 35-001 Rzeszów</AdresL1></Adres></Podmiot1>
<Podmiot2><DaneIdentyfikacyjne><NIP>1111111111</NIP><Nazwa>Odbiorca</Nazwa></DaneIdentyfikacyjne>
<Adres><KodKraju>PL</KodKraju><AdresL1>ul. Polna 1, 00-001 Warszawa</AdresL1></Adres>
<JST>2</JST><GV>2</GV></Podmiot2>
<Fa><KodWaluty>PLN</KodWaluty><P_1>{day}</P_1><P_2>{number}</P_2><P_6>{day}</P_6>
<P_13_1>{sign}100.00</P_13_1><P_14_1>{sign}23.00</P_14_1><P_15>{sign}123.00</P_15>
<Adnotacje><P_16>2</P_16><P_17>2</P_17><P_18>2</P_18><P_18A>2</P_18A>
<Zwolnienie><P_19N>1</P_19N></Zwolnienie>
<NoweSrodkiTransportu><P_22N>1</P_22N></NoweSrodkiTransportu><P_23>2</P_23>
<PMarzy><P_PMarzyN>1</P_PMarzyN></PMarzy></Adnotacje>
<RodzajFaktury>{kind}</RodzajFaktury>{correction}
<FaWiersz><NrWierszaFa>1</NrWierszaFa><P_7>Transport</P_7><P_8A>szt.</P_8A><P_8B>1</P_8B>
<P_9A>{sign}100.00</P_9A><P_11>{sign}100.00</P_11><P_12>23</P_12></FaWiersz></Fa>
</Faktura>
"#;

fn written(number: &str, day: &str, kind: &str, sign: &str, correction: &str) -> Vec<u8> {
    BODY.replace("{number}", number)
        .replace("{day}", day)
        .replace("{kind}", kind)
        .replace("{sign}", sign)
        .replace("{correction}", correction)
        .into_bytes()
}

/// An invoice of today.
pub fn invoice(number: &str) -> Vec<u8> {
    written(number, DAY, "VAT", "", "")
}

/// An invoice of another day.
pub fn invoice_of(number: &str, day: &str) -> Vec<u8> {
    written(number, day, "VAT", "", "")
}

/// The same number with other bytes.
pub fn another_of(number: &str) -> Vec<u8> {
    let text = String::from_utf8(invoice(number)).unwrap_or_default();
    text.replace("<P_7>Transport<", "<P_7>Transport drogowy<").into_bytes()
}

/// A correction of `original`, with the KSeF number that it names or without one.
pub fn correction(number: &str, original: &str, ksef: Option<&str>) -> Vec<u8> {
    let named = match ksef {
        Some(given) => {
            format!("<NrKSeF>1</NrKSeF><NrKSeFFaKorygowanej>{given}</NrKSeFFaKorygowanej>")
        }
        None => "<NrKSeFN>1</NrKSeFN>".to_owned(),
    };
    let correction = format!(
        "<PrzyczynaKorekty>rabat</PrzyczynaKorekty><DaneFaKorygowanej><DataWystFaKorygowanej>{DAY}\
         </DataWystFaKorygowanej><NrFaKorygowanej>{original}</NrFaKorygowanej>{named}\
         </DaneFaKorygowanej>"
    );
    written(number, DAY, "KOR", "-", &correction)
}
