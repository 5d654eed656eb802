#include "schemas/content/json.h"

namespace keruen::content {

std::string example_notice_json() {
  return R"({
  "type": "warning",
  "subject": {
    "en": "Suspected heroin consignment, road from Korday",
    "ru": "Предполагаемая партия героина, дорога от Кордая"
  },
  "handling": "H1",
  "tlp": "amber",
  "grading": {"source": "B", "information": "2"},
  "case_references": [
    {"authority": "Border Guard Service, Zhambyl region", "number": "2026-KR-0417"}
  ],
  "onward_sharing": "ask",
  "answer": {"kind": "action", "due": "2026-05-14T17:00:00Z"},
  "language": "en",
  "when": "2026-05-14T09:00:00Z",
  "where": "Road A2 from the Korday border point towards Almaty",
  "what": "White Kamaz truck, declared as dried fruit, left the Korday border point at 13:40 local time. The dog reacted at the fuel tank; the driver left before the search.",
  "actions": ["stop", "control"],
  "summary": {
    "ru": "Белый грузовик «КамАЗ», по документам сухофрукты. Служебная собака отреагировала на топливный бак; водитель уехал до досмотра."
  },
  "event": {
    "from": "2026-05-14T08:40:00Z",
    "border_point": "Korday",
    "country": "KZ",
    "coordinates": {"latitude": 43.0386, "longitude": 74.7142},
    "route": {"origin": "Osh", "transit": ["Bishkek", "Korday"], "destination": "Almaty"},
    "direction": "entry"
  },
  "offence": {"category": "drug smuggling", "article": "Criminal Code, article 286"},
  "subjects": [
    {
      "label": "S1",
      "kind": "vehicle",
      "name": "Kamaz 65117, white",
      "role": "carrier",
      "identifiers": [{"type": "plate", "value": "01 KG 417 ABC", "country": "KG"}],
      "confidence": "confirmed"
    },
    {
      "label": "S2",
      "kind": "person",
      "role": "driver",
      "description": "Man of about 40, grey jacket",
      "confidence": "probable"
    }
  ],
  "links": [
    {"from": "S2", "to": "S1", "relation": "drives", "confidence": "confirmed"}
  ],
  "goods": [
    {
      "category": "heroin",
      "hs_code": "2939.19",
      "description": "Suspected, behind a false wall of the fuel tank",
      "quantity": "12.5",
      "unit": "kg"
    }
  ],
  "conveyances": [
    {"mode": "road", "description": "Kamaz 65117, white tarpaulin", "plate": "01 KG 417 ABC", "country": "KG"}
  ],
  "concealment": "False wall in the left fuel tank",
  "detection_method": "dog",
  "must_not": "Do not announce the stop by open radio.",
  "urgency": "urgent",
  "urgency_reason": "The truck reaches Almaty in about three hours.",
  "answer_due": {"within": "hours_8"},
  "contact": {"name": "Duty officer, Korday", "telephone": "+7 726 362 00 00", "hours": "24/7"},
  "permission_requests": [
    {"permission": "use_in_court", "text": "Photographs of the search, if one takes place"}
  ]
}
)";
}

}  // namespace keruen::content
