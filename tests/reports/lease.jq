# SPDX-License-Identifier: Apache-2.0
# Records of leases, made up: jq -n --arg run ID -f lease.jq
def evidence($document; $page; $quote): {document: $document, page: $page, quote: $quote, quote_verified: (if $quote then true else null end)};
def field($document; $value; $unit; $page; $quote): {value: $value, unit: $unit, status: "found"} + evidence($document; $page; $quote);
def missing($document): {value: null, unit: null, status: "not_found"} + evidence($document; null; null);
def record($run; $sha; $name; $type; $date; $group): {run: $run, group: $group, schema: "commercial", schema_version: "1", prompt_version: "1", model: "gpt-test",
    tokens: {prompt: 18211, completion: 2120, total: 20331},
    document: {sha256: $sha, name: $name, type: $type, date: $date, supersedes: null, pages: 32, text_by: "pdf", illegible_pages: [], missing_schedules: []},
    fields: {}, rent: [], options: [], dates: [], clauses: [], checks: []};
def a: "high-street-lease.pdf"; def b: "deed-of-variation.pdf"; def c: "unit-7-lease.pdf";
{results: [
  (record($run; "aa" * 32; a; "lease"; "2019-03-25"; "12 High Street") | .document.illegible_pages = [7] | .document.missing_schedules = ["Schedule 3"]
   | .fields = {
      tenant: field(a; "Brontë & Söhne Buchhandel GmbH"; null; 1; "BRONTË & SÖHNE BUCHHANDEL GMBH (the “Tenant”)"), landlord: field(a; "High Street Estates Limited"; null; 1; "HIGH STREET ESTATES LIMITED"),
      guarantor: missing(a), premises: field(a; "Ground floor and basement, 12 High Street, Oxford OX1 4DB"; null; 3; "all that ground floor and basement known as 12 High Street"),
      area: field(a; 148.5; "m²"; 3; "having a net internal area of 148.5 square metres or thereabouts"),
      commencement: field(a; "2019-03-25"; null; 4; "from and including 25 March 2019"), expiry: field(a; "2029-03-24"; null; 4; "expiring on 24 March 2029"),
      deposit: field(a; 12500; "GBP"; 9; "the sum of £12,500 (twelve thousand five hundred pounds)"),
      service_charge_cap: ({value: null, unit: "GBP", status: "conflict"} + evidence(a; null; null) + {candidates: [field(a; 4000; "GBP"; 12; "shall not exceed £4,000 in any year"), field(a; 4500; "GBP"; 28; "capped at £4,500 per annum")]}),
      permitted_use: (field(a; "Class E(a): display or retail sale of goods, other than hot food"; null; 14; "not to use the Premises otherwise than for the retail sale of goods") | .quote_verified = false),
      pets: ({value: null, unit: null, status: "n/a"} + evidence(a; null; null)), law: (field(a; "England and Wales"; null; 30; "governed by the law of England and Wales") | .also = [field(a; "the law of England"; null; 31; "the courts of England, whose law applies")])}
   | .rent = [{from: "2019-03-25", to: "2022-03-24", amount: 50000, currency: "GBP", frequency: "quarterly", tax: "plus VAT"} + evidence(a; 5; "£50,000 per annum"),
              {from: "2024-03-25", to: "2029-03-24", amount: 58000, currency: "GBP", frequency: "quarterly", tax: "plus VAT"} + evidence(a; 5; "£58,000 per annum")]
   | .options = [{kind: "break", window_from: "2026-12-25", window_to: "2027-03-24", notice: "6 months, in writing", conditions: "no arrears of Rent; vacant possession"} + evidence(a; 18; "The Tenant may determine this Lease")]
   | .dates = [{date: "2029-03-24", what: "Expiry of the term"} + evidence(a; 4; "expiring on 24 March 2029"), {date: "2024-03-25", what: "Rent review"} + evidence(a; 6; "25 March 2024 (the Review Date)")]
   | .clauses = [{topic: "Alterations", text: "None to the structure; internal non-structural ones with consent, not to be unreasonably withheld."} + evidence(a; 15; "not to make any structural alteration"),
                 {topic: "Subletting", text: "Of the whole only, at no less than the open market rent, excluding sections 24 to 28 of the Landlord and Tenant Act 1954."} + evidence(a; 16; "not to underlet part only")]
   | .checks = [{id: "term_arithmetic", result: "ok", text: "25 March 2019 to 24 March 2029 is 10 years"}, {id: "rent_gaps", result: "failed", text: "no rent for 2022-03-25 to 2024-03-24"},
                {id: "escalation", result: "not_possible", text: "no index is named"}]),
  (record($run; "bb" * 32; b; "amendment"; "2023-06-01"; "12 High Street") | .document.pages = 4 | .document.supersedes = a
   | .fields = {tenant: field(b; "Brontë Books Limited"; null; 1; "BRONTË BOOKS LIMITED (as successor to the Tenant)"), expiry: field(b; "2034-03-24"; null; 2; "the Term shall expire on 24 March 2034"), guarantor: missing(b)}
   | .rent = [{from: "2024-03-25", to: "2034-03-24", amount: 61250.5, currency: "GBP", frequency: "quarterly", tax: "plus VAT"} + evidence(b; 2; "£61,250.50 per annum")]
   | .dates = [{date: "2034-03-24", what: "Expiry of the term"} + evidence(b; 2; "shall expire on 24 March 2034")]
   | .clauses = [{topic: "Alterations", text: "=HYPERLINK(\"http://evil.example\",\"Consent\") <script>alert(1)</script> & “quotes”"} + evidence(b; 3; "the Tenant’s Works")]),
  (record($run; "cc" * 32; c; "lease"; null; null) | .document.text_by = "ocr"
   | .fields = {tenant: field(c; "山田商店 Ltd"; null; 1; "山田商店 LTD"), landlord: field(c; "O’Neill Property Partners LLP"; null; 1; "O’NEILL PROPERTY PARTNERS LLP"), commencement: field(c; "2025-01-01"; null; 2; "on and from 1 January 2025"),
                expiry: field(c; "2030-12-31"; null; 2; "to and including 31 December 2030"), deposit: missing(c)}
   | .rent = [{from: "2025-01-01", to: "2030-12-31", amount: 1800, currency: "EUR", frequency: "monthly", tax: null} + evidence(c; 3; "EUR 1.800,00 je Monat")]
   | .dates = [{date: "2030-12-31", what: "Expiry of the term"} + evidence(c; 2; "31 December 2030")]
   | .checks = [{id: "term_arithmetic", result: "ok", text: "6 years"}])]}
