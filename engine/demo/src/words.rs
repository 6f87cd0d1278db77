//! Places, goods and phrases of freight between Poland and Ukraine.

/// Companies whose goods travel, or who carry them.
pub const COMPANIES: [&str; 8] = [
    "Lviv Farma Distribution",
    "Karpaty Trans",
    "Żubr Logistyka",
    "Дніпро Агро",
    "Mleczarnia Zamość",
    "Галичина Метал",
    "Podkarpackie Meble",
    "Київ Електро",
];

/// Towns with kilometres from Rzeszów by road, about.
pub const TOWNS: [(&str, u32); 10] = [
    ("Rzeszów", 0),
    ("Львів", 170),
    ("Warszawa", 300),
    ("Dorohusk", 215),
    ("Lublin", 170),
    ("Київ", 710),
    ("Łódź", 380),
    ("Івано-Франківськ", 305),
    ("Gdańsk", 640),
    ("Тернопіль", 300),
];

/// Border crossings between the two countries.
pub const CROSSINGS: [&str; 4] =
    ["Dorohusk–Jagodin", "Korczowa–Krakowiec", "Medyka–Szeginie", "Hrebenne–Rawa Ruska"];

/// Goods on the way.
pub const GOODS: [&str; 6] = [
    "leki, 2–8 °C",
    "części zamienne",
    "олія соняшникова",
    "meble w paczkach",
    "крупи",
    "elektronika",
];

/// What drivers write.
pub const DRIVER_NOTES: [&str; 6] = [
    "Załadunek zakończony, plomba założona",
    "Черга на кордоні приблизно 3 години",
    "Postój obowiązkowy 45 minut",
    "Перетнув кордон, документи в порядку",
    "Rozładunek, brak zastrzeżeń",
    "Пошкоджена одна палета, фото додано",
];

/// What dispatchers write.
pub const DISPATCH_NOTES: [&str; 4] = [
    "Przydzielono kierowcę i ciągnik",
    "Zmiana okna rozładunku na prośbę klienta",
    "Маршрут перебудовано через затор",
    "Potwierdzono okno na granicy",
];

/// What clients do in the portal.
pub const CLIENT_NOTES: [&str; 4] = [
    "Zamówienie złożone w portalu",
    "Документ прийнято",
    "Pytanie o godzinę dostawy",
    "Підтвердив отримання",
];

/// Risks that are noticed on the way.
pub const RISKS: [(&str, &str); 4] = [
    ("border_delay", "Kolejka na granicy dłuższa niż 6 godzin"),
    ("temperature", "Температура вантажу вище 8 °C протягом 10 хвилин"),
    ("document_missing", "Brak podpisu odbiorcy na CMR"),
    ("payment_overdue", "Прострочена оплата понад 14 днів"),
];
