// INTERNAL to schemas/content, included by fields.h alone: the fields of a training schedule.
// Shape: as fields.h.   Threads: pure functions.
#pragma once

namespace keruen::content {

KERUEN_DESCRIBED(CalendarTime) {
  v("form", &CalendarTime::form, required(kPlain));
  v("year", &CalendarTime::year, required(kPlain));
  v("month", &CalendarTime::month, required(kPlain));
  v("day", &CalendarTime::day, required(kPlain));
  v("hour", &CalendarTime::hour, required(kPlain));
  v("minute", &CalendarTime::minute, required(kPlain));
  v("second", &CalendarTime::second, required(kPlain));
  v("zone", &CalendarTime::zone, kWord);
}

KERUEN_DESCRIBED(AddedDate) {
  v("start", &AddedDate::start, required(kPlain));
  v("end", &AddedDate::end, kPlain);
  v("duration", &AddedDate::duration, kWord);
}

KERUEN_DESCRIBED(Override) {
  v("recurrence_id", &Override::recurrence_id, required(kPlain));
  v("range", &Override::range, kPlain);
  v("sequence", &Override::sequence, kPlain);
  v("status", &Override::status, kPlain);
  v("start", &Override::start, required(kPlain));
  v("end", &Override::end, kPlain);
  v("duration", &Override::duration, kWord);
  v("title", &Override::title, kParagraph);
  v("description", &Override::description, kEssay);
  v("location", &Override::location, kParagraph);
}

KERUEN_DESCRIBED(Recurrence) {
  v("rules", &Recurrence::rules, at_most(kRulesMax, kLine));
  v("excluded", &Recurrence::excluded, at_most(kCalendarDatesMax));
  v("added", &Recurrence::added, at_most(kCalendarDatesMax));
  v("overrides", &Recurrence::overrides, at_most(kOverridesMax));
}

KERUEN_DESCRIBED(Trainer) {
  v("name", &Trainer::name, required(kLine));
  v("organisation", &Trainer::organisation, kLine);
  v("country", &Trainer::country, kWord);
}

KERUEN_DESCRIBED(Session) {
  v("start", &Session::start, required(kPlain));
  v("end", &Session::end, kPlain);
  v("title", &Session::title, kParagraph);
  v("trainer", &Session::trainer, kLine);
}

KERUEN_DESCRIBED(Venue) {
  v("name", &Venue::name, kParagraph);
  v("address", &Venue::address, kParagraph);
  v("coordinates", &Venue::coordinates, kPlain);
  v("border_point", &Venue::border_point, kLine);
  v("link", &Venue::link, kLine);
}

KERUEN_DESCRIBED(Seats) {
  v("agency", &Seats::agency, required(kPlain));
  v("seats", &Seats::seats, required(kPlain));
}

KERUEN_DESCRIBED(TrainingSchedule) {
  v("uid", &TrainingSchedule::uid, required(kLine));
  v("sequence", &TrainingSchedule::sequence, kPlain);
  v("method", &TrainingSchedule::method, kPlain);
  v("status", &TrainingSchedule::status, kPlain);
  v("title", &TrainingSchedule::title, required(at_most(kLanguagesMax)));
  v("description", &TrainingSchedule::description, at_most(kLanguagesMax));
  v("programme", &TrainingSchedule::programme, kLine);
  v("component", &TrainingSchedule::component, kLine);
  v("topic", &TrainingSchedule::topic, kLine);
  v("format", &TrainingSchedule::format, kPlain);
  v("start", &TrainingSchedule::start, required(kPlain));
  v("end", &TrainingSchedule::end, kPlain);
  v("duration", &TrainingSchedule::duration, kWord);
  v("zone", &TrainingSchedule::zone, kWord);
  v("recurrence", &TrainingSchedule::recurrence, kPlain);
  v("sessions", &TrainingSchedule::sessions, at_most(kSessionsMax));
  v("venue", &TrainingSchedule::venue, kPlain);
  v("organiser", &TrainingSchedule::organiser, kLine);
  v("host_institution", &TrainingSchedule::host_institution, kLine);
  v("contact", &TrainingSchedule::contact, kPlain);
  v("trainers", &TrainingSchedule::trainers, at_most(kTrainersMax));
  v("languages", &TrainingSchedule::languages, at_most(kLanguagesMax, kWord));
  v("interpretation", &TrainingSchedule::interpretation, kParagraph);
  v("audience", &TrainingSchedule::audience, kParagraph);
  v("level", &TrainingSchedule::level, kParagraph);
  v("prerequisites", &TrainingSchedule::prerequisites, kParagraph);
  v("learning_outcomes", &TrainingSchedule::learning_outcomes, kEssay);
  v("assessment", &TrainingSchedule::assessment, kParagraph);
  v("certificate", &TrainingSchedule::certificate, kParagraph);
  v("seats_total", &TrainingSchedule::seats_total, kPlain);
  v("seats", &TrainingSchedule::seats, at_most(kSeatRowsMax));
  v("nomination_deadline", &TrainingSchedule::nomination_deadline, kPlain);
  v("costs_covered", &TrainingSchedule::costs_covered, kParagraph);
  v("logistics", &TrainingSchedule::logistics, kEssay);
  v("categories", &TrainingSchedule::categories, at_most(kCategoriesMax, kLine));
  v("url", &TrainingSchedule::url, kLine);
}

}  // namespace keruen::content
