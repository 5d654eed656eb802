@0xbbdcac9557207d08;
# What officers write: the sealed content of one message. The broker never links this.
#
# One segment, at most kContentBytesMax bytes, read by schemas/strict_message.h only.
# Conventions, for every struct:
# - Instants are milliseconds since 1970 UTC; 0 means "not given".
# - Enumerator 0, unspecified, means "not given" and is refused where the field is required.
# - An absent struct, list, text or data is a null pointer; an empty text is an absent text.
# - A count that may be absent is Int64 with -1 for "not given".
# - Message ids are 16 bytes, digests 32. Amounts are decimal texts.
# Fields are in the order of fields.h. New fields are appended; numbers are never used again.
# Older readers skip fields they do not know; the signed bytes are kept as they came.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("keruen::content::format");

struct Content {
  header @0 :SealedHeader;
  # Null for a part: it belongs to the message whose manifest names its digest.
  parts @1 :List(Attachment);
  # The manifest: what the attachments must turn out to be.
  body :union {
    notice @2 :CooperationNotice;
    schedule @3 :TrainingSchedule;
    receipt @4 :OfficerReceipt;
    recall @5 :Recall;
    part @6 :Part;
  }
}

struct LanguageText {
  language @0 :Text;
  text @1 :Text;
}

struct Author {
  officer @0 :Text;
  name @1 :Text;
  role @2 :Text;
  unit @3 :Text;
}

struct CaseReference {
  authority @0 :Text;
  number @1 :Text;
}

struct Grading {
  source @0 :SourceGrade;
  information @1 :InformationGrade;
}

struct Answer {
  kind @0 :AnswerKind;
  due @1 :UInt64;
}

struct SealedHeader {
  thread @0 :Data;
  inReplyTo @1 :Data;
  supersedes @2 :Data;
  status @3 :MessageStatus;
  subject @4 :List(LanguageText);
  author @5 :Author;
  caseReferences @6 :List(CaseReference);
  legalBasis @7 :Text;
  handling @8 :Handling;
  handlingText @9 :Text;
  tlp @10 :TrafficLight;
  grading @11 :Grading;
  onwardSharing @12 :OnwardSharing;
  retainUntil @13 :UInt64;
  answer @14 :Answer;
  language @15 :Text;
}

struct Attachment {
  name @0 :Text;
  mediaType @1 :Text;
  size @2 :UInt64;
  sha256 @3 :Data;
  parts @4 :UInt32;
}

struct Part {
  whole @0 :Data;
  number @1 :UInt32;
  bytes @2 :Data;
}

struct OfficerReceipt {
  kind @0 :ReceiptKind;
  message @1 :Data;
  result @2 :ProcessResult;
  note @3 :Text;
  officer @4 :Text;
  unit @5 :Text;
  when @6 :UInt64;
}

struct Recall {
  message @0 :Data;
  kind @1 :MessageKind;
  reason @2 :Text;
}

struct Coordinates {
  latitudeMicrodegrees @0 :Int32;
  longitudeMicrodegrees @1 :Int32;
}

struct Route {
  origin @0 :Text;
  transit @1 :List(Text);
  destination @2 :Text;
}

struct Event {
  from @0 :UInt64;
  to @1 :UInt64;
  borderPoint @2 :Text;
  customsOffice @3 :Text;
  country @4 :Text;
  coordinates @5 :Coordinates;
  route @6 :Route;
  direction @7 :Direction;
}

struct Offence {
  category @0 :Text;
  article @1 :Text;
}

struct Identifier {
  type @0 :Text;
  value @1 :Text;
  country @2 :Text;
}

struct Subject {
  label @0 :Text;
  kind @1 :SubjectKind;
  name @2 :Text;
  role @3 :Text;
  description @4 :Text;
  identifiers @5 :List(Identifier);
  confidence @6 :Confidence;
}

struct Link {
  from @0 :Text;
  to @1 :Text;
  relation @2 :Text;
  confidence @3 :Confidence;
}

struct Goods {
  category @0 :Text;
  hsCode @1 :Text;
  description @2 :Text;
  quantity @3 :Text;
  unit @4 :Text;
  value @5 :Text;
  currency @6 :Text;
  origin @7 :Text;
}

struct Conveyance {
  mode @0 :ConveyanceMode;
  description @1 :Text;
  plate @2 :Text;
  country @3 :Text;
  vin @4 :Text;
  container @5 :Text;
  flight @6 :Text;
  train @7 :Text;
  vessel @8 :Text;
}

struct AnswerDue {
  within @0 :AnswerTime;
  date @1 :UInt64;
}

struct Contact {
  name @0 :Text;
  telephone @1 :Text;
  email @2 :Text;
  hours @3 :Text;
}

struct PermissionRequest {
  permission @0 :Permission;
  text @1 :Text;
}

struct Reply {
  outcome @0 :ReplyOutcome;
  reason @1 :Text;
  data @2 :Text;
  newDue @3 :UInt64;
  newDueReason @4 :Text;
  courtConsent @5 :CourtConsent;
}

struct CooperationNotice {
  type @0 :NoticeType;
  when @1 :UInt64;
  where @2 :Text;
  what @3 :Text;
  actions @4 :List(Action);
  summary @5 :List(LanguageText);
  event @6 :Event;
  offence @7 :Offence;
  subjects @8 :List(Subject);
  links @9 :List(Link);
  goods @10 :List(Goods);
  conveyances @11 :List(Conveyance);
  concealment @12 :Text;
  detectionMethod @13 :DetectionMethod;
  detainedCount @14 :Int64 = -1;
  photos @15 :List(Text);
  mustNot @16 :Text;
  urgency @17 :Urgency;
  urgencyReason @18 :Text;
  answerDue @19 :AnswerDue;
  contact @20 :Contact;
  permissionRequests @21 :List(PermissionRequest);
  reply @22 :Reply;
}

struct CalendarTime {
  form @0 :TimeForm;
  year @1 :UInt16;
  month @2 :UInt8;
  day @3 :UInt8;
  hour @4 :UInt8;
  minute @5 :UInt8;
  second @6 :UInt8;
  zone @7 :Text;
}

struct AddedDate {
  start @0 :CalendarTime;
  end @1 :CalendarTime;
  duration @2 :Text;
}

struct Override {
  recurrenceId @0 :CalendarTime;
  range @1 :InstanceRange;
  sequence @2 :UInt32;
  status @3 :EventStatus;
  start @4 :CalendarTime;
  end @5 :CalendarTime;
  duration @6 :Text;
  title @7 :Text;
  description @8 :Text;
  location @9 :Text;
}

struct Recurrence {
  rules @0 :List(Text);
  excluded @1 :List(CalendarTime);
  added @2 :List(AddedDate);
  overrides @3 :List(Override);
}

struct Trainer {
  name @0 :Text;
  organisation @1 :Text;
  country @2 :Text;
}

struct Session {
  start @0 :CalendarTime;
  end @1 :CalendarTime;
  title @2 :Text;
  trainer @3 :Text;
}

struct Venue {
  name @0 :Text;
  address @1 :Text;
  coordinates @2 :Coordinates;
  borderPoint @3 :Text;
  link @4 :Text;
}

struct Seats {
  agency @0 :Text;
  seats @1 :UInt32;
}

struct TrainingSchedule {
  uid @0 :Text;
  sequence @1 :UInt32;
  method @2 :ScheduleMethod;
  status @3 :EventStatus;
  title @4 :List(LanguageText);
  description @5 :List(LanguageText);
  programme @6 :Text;
  component @7 :Text;
  topic @8 :Text;
  format @9 :CourseFormat;
  start @10 :CalendarTime;
  end @11 :CalendarTime;
  duration @12 :Text;
  zone @13 :Text;
  recurrence @14 :Recurrence;
  sessions @15 :List(Session);
  venue @16 :Venue;
  organiser @17 :Text;
  hostInstitution @18 :Text;
  contact @19 :Contact;
  trainers @20 :List(Trainer);
  languages @21 :List(Text);
  interpretation @22 :Text;
  audience @23 :Text;
  level @24 :Text;
  prerequisites @25 :Text;
  learningOutcomes @26 :Text;
  assessment @27 :Text;
  certificate @28 :Text;
  seatsTotal @29 :Int64 = -1;
  seats @30 :List(Seats);
  nominationDeadline @31 :UInt64;
  costsCovered @32 :Text;
  logistics @33 :Text;
  categories @34 :List(Text);
  url @35 :Text;
}

enum MessageStatus {
  unspecified @0;
  actual @1;
  exercise @2;
  test @3;
}

enum Handling {
  unspecified @0;
  h0 @1;
  h1 @2;
  h2 @3;
  h3 @4;
}

enum TrafficLight {
  unspecified @0;
  red @1;
  amber @2;
  green @3;
  clear @4;
}

enum SourceGrade {
  unspecified @0;
  a @1;
  b @2;
  c @3;
  x @4;
}

enum InformationGrade {
  unspecified @0;
  one @1;
  two @2;
  three @3;
  four @4;
}

enum OnwardSharing {
  unspecified @0;
  none @1;
  ownAgency @2;
  group @3;
  ask @4;
}

enum AnswerKind {
  unspecified @0;
  acknowledgement @1;
  information @2;
  action @3;
  decision @4;
}

enum ReceiptKind {
  unspecified @0;
  read @1;
  processed @2;
}

enum ProcessResult {
  unspecified @0;
  done @1;
  refused @2;
  forwarded @3;
}

enum NoticeType {
  unspecified @0;
  warning @1;
  request @2;
  feedback @3;
  seizure @4;
  alert @5;
  missing @6;
  modusOperandi @7;
  information @8;
  jointOperation @9;
  correction @10;
  cancel @11;
}

enum Action {
  unspecified @0;
  inform @1;
  check @2;
  control @3;
  stop @4;
  controlledDelivery @5;
  identify @6;
  provideRecords @7;
  contact @8;
}

enum Urgency {
  unspecified @0;
  flash @1;
  urgent @2;
  routine @3;
}

enum Direction {
  unspecified @0;
  entry @1;
  exit @2;
  transit @3;
  internal @4;
}

enum SubjectKind {
  unspecified @0;
  person @1;
  organisation @2;
  vehicle @3;
  document @4;
  firearm @5;
  goods @6;
  cargo @7;
  account @8;
  location @9;
}

enum Confidence {
  unspecified @0;
  confirmed @1;
  probable @2;
  possible @3;
}

enum ConveyanceMode {
  unspecified @0;
  road @1;
  rail @2;
  air @3;
  sea @4;
  river @5;
  pipeline @6;
  post @7;
  foot @8;
}

enum DetectionMethod {
  unspecified @0;
  riskProfile @1;
  documentCheck @2;
  search @3;
  xRay @4;
  dog @5;
  chemicalTest @6;
  detector @7;
  intelligence @8;
  randomCheck @9;
  other @10;
}

enum AnswerTime {
  unspecified @0;
  hours8 @1;
  days3 @2;
  days7 @3;
  date @4;
}

enum Permission {
  unspecified @0;
  useInCourt @1;
  shareOnward @2;
  takePart @3;
  contactSource @4;
  other @5;
}

enum ReplyOutcome {
  unspecified @0;
  hit @1;
  noHit @2;
  done @3;
  partly @4;
  refused @5;
}

enum CourtConsent {
  unspecified @0;
  given @1;
  refused @2;
  onRequest @3;
}

enum ScheduleMethod {
  unspecified @0;
  publish @1;
  request @2;
  cancel @3;
}

enum CourseFormat {
  unspecified @0;
  classroom @1;
  online @2;
  studyVisit @3;
  exercise @4;
  trainingOfTrainers @5;
}

enum EventStatus {
  unspecified @0;
  tentative @1;
  confirmed @2;
  cancelled @3;
}

enum TimeForm {
  unspecified @0;
  date @1;
  floating @2;
  utc @3;
  zoned @4;
}

enum InstanceRange {
  unspecified @0;
  thisOne @1;
  thisAndFuture @2;
}

enum MessageKind {
  unspecified @0;
  notice @1;
  schedule @2;
  evidence @3;
  part @4;
  receipt @5;
}
