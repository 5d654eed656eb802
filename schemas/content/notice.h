// A cooperation notice: warning, request, feedback, seizure … between agencies.
// Shape: the short form is type, when, where, what, actions; all else is the long form and may be
// absent (nullopt, empty text, empty list).   Units: UTC milliseconds; amounts are decimal texts
// ("12.50"), never floating point; coordinates in microdegrees.   Threads: values.
//
// A notice has `what` or a `reply`. Warning, feedback and seizure are one thread: the sealed
// header's thread and in_reply_to join them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schemas/content/sealed_header.h"
#include "schemas/now.h"

namespace keruen::content {

enum class NoticeType : std::uint8_t {
  warning = 1,
  request,
  feedback,
  seizure,
  alert,
  missing,
  modus_operandi,
  information,
  joint_operation,
  correction,
  cancel
};
enum class Action : std::uint8_t {
  inform = 1,
  check,
  control,
  stop,
  controlled_delivery,
  identify,
  provide_records,
  contact
};
enum class Urgency : std::uint8_t { flash = 1, urgent, routine };
enum class Direction : std::uint8_t { entry = 1, exit, transit, internal };
enum class SubjectKind : std::uint8_t {
  person = 1,
  organisation,
  vehicle,
  document,
  firearm,
  goods,
  cargo,
  account,
  location
};
enum class Confidence : std::uint8_t { confirmed = 1, probable, possible };
enum class ConveyanceMode : std::uint8_t { road = 1, rail, air, sea, river, pipeline, post, foot };
enum class DetectionMethod : std::uint8_t {
  risk_profile = 1,
  document_check,
  search,
  x_ray,
  dog,
  chemical_test,
  detector,
  intelligence,
  random_check,
  other
};
enum class AnswerTime : std::uint8_t { hours_8 = 1, days_3, days_7, date };
enum class Permission : std::uint8_t {
  use_in_court = 1,
  share_onward,
  take_part,
  contact_source,
  other
};
enum class ReplyOutcome : std::uint8_t { hit = 1, no_hit, done, partly, refused };
enum class CourtConsent : std::uint8_t { given = 1, refused, on_request };

struct Coordinates {
  std::int32_t latitude_microdegrees = 0;
  std::int32_t longitude_microdegrees = 0;

  bool operator==(const Coordinates&) const = default;
};

struct Route {
  std::string origin;
  std::vector<std::string> transit;
  std::string destination;

  bool operator==(const Route&) const = default;
};

struct Event {
  std::optional<WallTime> from;
  std::optional<WallTime> to;
  std::string border_point;    // code or name
  std::string customs_office;  // code
  std::string country;         // ISO 3166-1 alpha-2
  std::optional<Coordinates> coordinates;
  std::optional<Route> route;
  std::optional<Direction> direction;

  bool operator==(const Event&) const = default;
};

struct Offence {
  std::string category;
  std::string article;  // of the sender's national law

  bool operator==(const Offence&) const = default;
};

struct Identifier {
  std::string type;  // "passport", "plate", "iin", "serial_number", …
  std::string value;
  std::string country;

  bool operator==(const Identifier&) const = default;
};

struct Subject {
  std::string label;  // "S1": unique in the notice, what links name
  SubjectKind kind = SubjectKind::person;
  std::string name;
  std::string role;  // "driver", "consignee", …
  std::string description;
  std::vector<Identifier> identifiers;
  std::optional<Confidence> confidence;

  bool operator==(const Subject&) const = default;
};

struct Link {
  std::string from;  // a subject's label
  std::string to;
  std::string relation;  // "owns", "drives", …
  std::optional<Confidence> confidence;

  bool operator==(const Link&) const = default;
};

struct Goods {
  std::string category;
  std::string hs_code;
  std::string description;
  std::string quantity;  // decimal
  std::string unit;
  std::string value;     // decimal
  std::string currency;  // ISO 4217
  std::string origin;    // ISO 3166-1 alpha-2

  bool operator==(const Goods&) const = default;
};

struct Conveyance {
  ConveyanceMode mode = ConveyanceMode::road;
  std::string description;
  std::string plate;
  std::string country;
  std::string vin;
  std::string container;
  std::string flight;
  std::string train;
  std::string vessel;

  bool operator==(const Conveyance&) const = default;
};

struct AnswerDue {
  AnswerTime within = AnswerTime::days_7;
  std::optional<WallTime> date;  // exactly with AnswerTime::date

  bool operator==(const AnswerDue&) const = default;
};

struct Contact {
  std::string name;
  std::string telephone;
  std::string email;
  std::string hours;  // "24/7"

  bool operator==(const Contact&) const = default;
};

struct PermissionRequest {
  Permission permission = Permission::other;
  std::string text;

  bool operator==(const PermissionRequest&) const = default;
};

struct Reply {
  ReplyOutcome outcome = ReplyOutcome::no_hit;
  std::string reason;  // required with `refused`
  std::string data;
  std::optional<WallTime> new_due;
  std::string new_due_reason;  // required with new_due
  std::optional<CourtConsent> court_consent;

  bool operator==(const Reply&) const = default;
};

struct CooperationNotice {
  // The short form.
  NoticeType type = NoticeType::information;
  std::optional<WallTime> when;
  std::string where;
  std::string what;
  std::vector<Action> actions;
  // The long form.
  Texts summary;
  std::optional<Event> event;
  std::optional<Offence> offence;
  std::vector<Subject> subjects;
  std::vector<Link> links;
  std::vector<Goods> goods;
  std::vector<Conveyance> conveyances;
  std::string concealment;
  std::optional<DetectionMethod> detection_method;
  std::optional<std::uint32_t> detained_count;
  std::vector<std::string> photos;  // names of attachments
  std::string must_not;
  std::optional<Urgency> urgency;
  std::string urgency_reason;
  std::optional<AnswerDue> answer_due;
  std::optional<Contact> contact;
  std::vector<PermissionRequest> permission_requests;
  // The reply form.
  std::optional<Reply> reply;

  bool operator==(const CooperationNotice&) const = default;
};

}  // namespace keruen::content
