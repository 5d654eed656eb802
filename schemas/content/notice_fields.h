// INTERNAL to schemas/content, included by fields.h alone: the fields of a cooperation notice.
// Shape: as fields.h.   Threads: pure functions.
#pragma once

namespace keruen::content {

KERUEN_DESCRIBED(Coordinates) {
  v("latitude_microdegrees", &Coordinates::latitude_microdegrees, required(kPlain));
  v("longitude_microdegrees", &Coordinates::longitude_microdegrees, required(kPlain));
}

KERUEN_DESCRIBED(Route) {
  v("origin", &Route::origin, kLine);
  v("transit", &Route::transit, at_most(kTransitMax, kLine));
  v("destination", &Route::destination, kLine);
}

KERUEN_DESCRIBED(Event) {
  v("from", &Event::from, kPlain);
  v("to", &Event::to, kPlain);
  v("border_point", &Event::border_point, kLine);
  v("customs_office", &Event::customs_office, kWord);
  v("country", &Event::country, kWord);
  v("coordinates", &Event::coordinates, kPlain);
  v("route", &Event::route, kPlain);
  v("direction", &Event::direction, kPlain);
}

KERUEN_DESCRIBED(Offence) {
  v("category", &Offence::category, kLine);
  v("article", &Offence::article, kLine);
}

KERUEN_DESCRIBED(Identifier) {
  v("type", &Identifier::type, required(kWord));
  v("value", &Identifier::value, required(kLine));
  v("country", &Identifier::country, kWord);
}

KERUEN_DESCRIBED(Subject) {
  v("label", &Subject::label, required(kWord));
  v("kind", &Subject::kind, required(kPlain));
  v("name", &Subject::name, kLine);
  v("role", &Subject::role, kLine);
  v("description", &Subject::description, kParagraph);
  v("identifiers", &Subject::identifiers, at_most(kIdentifiersMax));
  v("confidence", &Subject::confidence, kPlain);
}

KERUEN_DESCRIBED(Link) {
  v("from", &Link::from, required(kWord));
  v("to", &Link::to, required(kWord));
  v("relation", &Link::relation, required(kLine));
  v("confidence", &Link::confidence, kPlain);
}

KERUEN_DESCRIBED(Goods) {
  v("category", &Goods::category, kLine);
  v("hs_code", &Goods::hs_code, kWord);
  v("description", &Goods::description, kParagraph);
  v("quantity", &Goods::quantity, kWord);
  v("unit", &Goods::unit, kWord);
  v("value", &Goods::value, kWord);
  v("currency", &Goods::currency, kWord);
  v("origin", &Goods::origin, kWord);
}

KERUEN_DESCRIBED(Conveyance) {
  v("mode", &Conveyance::mode, required(kPlain));
  v("description", &Conveyance::description, kParagraph);
  v("plate", &Conveyance::plate, kWord);
  v("country", &Conveyance::country, kWord);
  v("vin", &Conveyance::vin, kWord);
  v("container", &Conveyance::container, kWord);
  v("flight", &Conveyance::flight, kWord);
  v("train", &Conveyance::train, kWord);
  v("vessel", &Conveyance::vessel, kWord);
}

KERUEN_DESCRIBED(AnswerDue) {
  v("within", &AnswerDue::within, required(kPlain));
  v("date", &AnswerDue::date, kPlain);
}

KERUEN_DESCRIBED(Contact) {
  v("name", &Contact::name, kLine);
  v("telephone", &Contact::telephone, kLine);
  v("email", &Contact::email, kLine);
  v("hours", &Contact::hours, kLine);
}

KERUEN_DESCRIBED(PermissionRequest) {
  v("permission", &PermissionRequest::permission, required(kPlain));
  v("text", &PermissionRequest::text, kParagraph);
}

KERUEN_DESCRIBED(Reply) {
  v("outcome", &Reply::outcome, required(kPlain));
  v("reason", &Reply::reason, kParagraph);
  v("data", &Reply::data, kEssay);
  v("new_due", &Reply::new_due, kPlain);
  v("new_due_reason", &Reply::new_due_reason, kParagraph);
  v("court_consent", &Reply::court_consent, kPlain);
}

KERUEN_DESCRIBED(CooperationNotice) {
  v("type", &CooperationNotice::type, required(kPlain));
  v("when", &CooperationNotice::when, kPlain);
  v("where", &CooperationNotice::where, kParagraph);
  v("what", &CooperationNotice::what, kEssay);
  v("actions", &CooperationNotice::actions, at_most(kActionsMax));
  v("summary", &CooperationNotice::summary, at_most(kLanguagesMax));
  v("event", &CooperationNotice::event, kPlain);
  v("offence", &CooperationNotice::offence, kPlain);
  v("subjects", &CooperationNotice::subjects, at_most(kSubjectsMax));
  v("links", &CooperationNotice::links, at_most(kLinksMax));
  v("goods", &CooperationNotice::goods, at_most(kGoodsMax));
  v("conveyances", &CooperationNotice::conveyances, at_most(kConveyancesMax));
  v("concealment", &CooperationNotice::concealment, kParagraph);
  v("detection_method", &CooperationNotice::detection_method, kPlain);
  v("detained_count", &CooperationNotice::detained_count, kPlain);
  v("photos", &CooperationNotice::photos, at_most(kAttachmentsMax, kLine));
  v("must_not", &CooperationNotice::must_not, kParagraph);
  v("urgency", &CooperationNotice::urgency, kPlain);
  v("urgency_reason", &CooperationNotice::urgency_reason, kParagraph);
  v("answer_due", &CooperationNotice::answer_due, kPlain);
  v("contact", &CooperationNotice::contact, kPlain);
  v("permission_requests", &CooperationNotice::permission_requests,
    at_most(kPermissionRequestsMax));
  v("reply", &CooperationNotice::reply, kPlain);
}

}  // namespace keruen::content
