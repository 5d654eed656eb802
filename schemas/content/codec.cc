// Cap'n Proto to values and back, driven by the one description in fields.h.
//
// Each described type is bound to its schema once: a table of the schema's fields in the order the
// description visits them. A name that one side lacks stops the program at first use, in any test.
#include <capnp/dynamic.h>
#include <capnp/message.h>

#include <string>
#include <vector>

#include "schemas/content/bounds_check.h"
#include "schemas/content/content.capnp.h"
#include "schemas/content/content.h"
#include "schemas/content/fields.h"
#include "schemas/content/place.h"
#include "schemas/content/words.h"
#include "schemas/strict_message.h"

namespace keruen::content {
namespace {

using Field = capnp::StructSchema::Field;
using DynamicStruct = capnp::DynamicStruct;
using DynamicList = capnp::DynamicList;

std::string camel_case(std::string_view name) {
  std::string result;
  bool raise = false;
  for (const char c : name) {
    if (c == '_') {
      raise = true;
      continue;
    }
    result.push_back(raise ? static_cast<char>(c - 'a' + 'A') : c);
    raise = false;
  }
  return result;
}

template <class T>
const std::vector<Field>& fields_in(capnp::StructSchema schema) {
  static const std::vector<Field> table = [&] {
    std::vector<Field> fields;
    for (const std::string_view name : field_names<T>()) {
      KJ_IF_MAYBE (field, schema.findFieldByName(camel_case(name).c_str())) {
        fields.push_back(*field);
      } else {
        ensure(false, "content.capnp has every field of fields.h");
      }
    }
    ensure(fields.size() == schema.getFields().size(), "fields.h has every field of content.capnp");
    return fields;
  }();
  return table;
}

template <class T>
constexpr bool kIsNumber = std::is_integral_v<T>;
// Bytes are a vector too, but one value and no list.
template <class T>
constexpr bool kIsElement = !std::is_same_v<T, std::uint8_t>;

// ---- values to Cap'n Proto. A sink is a field of a struct or an element of a list.

struct FieldSink {
  DynamicStruct::Builder target;
  Field field;
  void set(const capnp::DynamicValue::Reader& value) { target.set(field, value); }
  DynamicStruct::Builder make_struct() { return target.init(field).as<DynamicStruct>(); }
  DynamicList::Builder make_list(std::size_t count) {
    return target.init(field, static_cast<unsigned>(count)).as<DynamicList>();
  }
  [[nodiscard]] capnp::EnumSchema enumeration() const { return field.getType().asEnum(); }
};

struct ElementSink {
  DynamicList::Builder target;
  unsigned index;
  void set(const capnp::DynamicValue::Reader& value) { target.set(index, value); }
  DynamicStruct::Builder make_struct() { return target[index].as<DynamicStruct>(); }
  [[nodiscard]] capnp::EnumSchema enumeration() const {
    return target.getSchema().getEnumElementType();
  }
};

template <class T>
void put_struct(DynamicStruct::Builder target, const T& value);

template <class Sink>
void put(Sink sink, const std::string& text) {
  sink.set(capnp::Text::Reader(text.c_str(), text.size()));
}
template <class Sink>
void put(Sink sink, const OfficerId& officer) {
  put(sink, officer.text);
}
template <class Sink>
void put(Sink sink, const AgencyId& agency) {
  put(sink, agency.text());
}
template <class Sink>
void put(Sink sink, const Bytes& bytes) {
  sink.set(capnp::Data::Reader(bytes.data(), bytes.size()));
}
template <class Sink, class Tag, std::size_t Size>
void put(Sink sink, const FixedBytes<Tag, Size>& value) {
  sink.set(capnp::Data::Reader(value.bytes.data(), Size));
}
template <class Sink>
void put(Sink sink, WallTime time) {
  sink.set(milliseconds_of(time));
}
template <class Sink, class T>
requires kIsNumber<T>
void put(Sink sink, T number) { sink.set(number); }
template <class Sink, Worded E>
void put(Sink sink, E value) {
  sink.set(capnp::DynamicEnum(sink.enumeration(), static_cast<std::uint16_t>(value)));
}
template <class Sink, Described T>
void put(Sink sink, const T& value) {
  put_struct(sink.make_struct(), value);
}
template <class Sink, class T>
void put(Sink sink, const std::optional<T>& value) {
  // What is left out is 0, null or the schema's -1: "not given".
  if (value) put(sink, *value);
}
template <class T>
requires kIsElement<T>
void put(FieldSink sink, const std::vector<T>& values) {
  if (values.empty()) return;
  DynamicList::Builder list = sink.make_list(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    put(ElementSink{list, static_cast<unsigned>(i)}, values[i]);
  }
}

template <class T>
void put_struct(DynamicStruct::Builder target, const T& value) {
  const std::vector<Field>& fields = fields_in<T>(target.getSchema());
  std::size_t next = 0;
  visit_fields<T>([&](std::string_view, auto member, const Rule&) {
    put(FieldSink{target, fields[next++]}, value.*member);
  });
}

// ---- Cap'n Proto to values. Bounds and UTF-8 are checked on the values, by check_bounds().

struct FieldSource {
  DynamicStruct::Reader source;
  Field field;
  [[nodiscard]] bool present() const { return source.has(field, capnp::HasMode::NON_NULL); }
  [[nodiscard]] capnp::DynamicValue::Reader get() const { return source.get(field); }
};

struct ElementSource {
  DynamicList::Reader source;
  unsigned index;
  [[nodiscard]] capnp::DynamicValue::Reader get() const { return source[index]; }
};

class ContentReader {
 public:
  template <class T>
  void take_struct(DynamicStruct::Reader source, T& target, const Place& place) {
    const std::vector<Field>& fields = fields_in<T>(source.getSchema());
    std::size_t next = 0;
    visit_fields<T>([&](std::string_view name, auto member, const Rule& rule) {
      const FieldSource field{source, fields[next++]};
      if (!error_) take(field, target.*member, Place(place, name), rule);
    });
  }

  template <class T>
  requires kIsElement<T>
  void take(const FieldSource& source, std::vector<T>& target, const Place& place,
            const Rule& rule) {
    const auto list = source.get().as<DynamicList>();
    // Before anything is made of it: a list of nothing claims millions of entries in a few bytes.
    if (list.size() > rule.count_max) {
      return refuse(ErrorCode::too_large, place,
                    "has " + std::to_string(list.size()) + " entries, at most " +
                        std::to_string(rule.count_max) + " are allowed");
    }
    target.resize(list.size());
    for (unsigned i = 0; i < list.size() && !error_; ++i) {
      take(ElementSource{list, i}, target[i], Place(place, i), rule);
    }
  }

  [[nodiscard]] std::optional<Error>& error() { return error_; }

 private:
  template <class Source>
  void take(const Source& source, std::string& target, const Place&, const Rule&) {
    const auto text = source.get().template as<capnp::Text>();
    target.assign(text.begin(), text.size());
  }
  template <class Source>
  void take(const Source& source, OfficerId& target, const Place& place, const Rule& rule) {
    take(source, target.text, place, rule);
  }
  template <class Source>
  void take(const Source& source, AgencyId& target, const Place& place, const Rule&) {
    const auto text = source.get().template as<capnp::Text>();
    auto agency = AgencyId::parse({text.begin(), text.size()});
    if (!agency) return refuse(ErrorCode::malformed, place, agency.error().detail);
    target = std::move(*agency);
  }
  void take(const FieldSource& source, Bytes& target, const Place&, const Rule&) {
    const auto data = source.get().as<capnp::Data>();
    target.assign(data.begin(), data.end());
  }
  template <class Tag, std::size_t Size>
  void take(const FieldSource& source, FixedBytes<Tag, Size>& target, const Place& place,
            const Rule&) {
    const auto data = source.get().as<capnp::Data>();
    const auto value = FixedBytes<Tag, Size>::from({data.begin(), data.size()});
    if (!value) {
      return refuse(ErrorCode::malformed, place, "must be " + std::to_string(Size) + " bytes");
    }
    target = *value;
  }
  template <class Tag, std::size_t Size>
  void take(const FieldSource& source, std::optional<FixedBytes<Tag, Size>>& target,
            const Place& place, const Rule& rule) {
    if (source.present()) take(source, target.emplace(), place, rule);
  }
  void take(const FieldSource& source, WallTime& target, const Place& place, const Rule&) {
    // Beyond this wall_time_of would turn negative; is_instant() refuses far smaller ones.
    const auto milliseconds = source.get().as<std::uint64_t>();
    if (milliseconds > std::uint64_t{1} << 62) {
      return refuse(ErrorCode::malformed, place, "is no instant");
    }
    target = wall_time_of(milliseconds);
  }
  void take(const FieldSource& source, std::optional<WallTime>& target, const Place& place,
            const Rule& rule) {
    if (source.get().as<std::uint64_t>() != 0) take(source, target.emplace(), place, rule);
  }
  template <class T>
  requires kIsNumber<T>
  void take(const FieldSource& source, T& target, const Place&, const Rule&) {
    target = source.get().as<T>();
  }
  void take(const FieldSource& source, std::optional<std::uint32_t>& target, const Place& place,
            const Rule&) {
    const auto number = source.get().as<std::int64_t>();
    if (number < -1 || number > std::int64_t{UINT32_MAX}) {
      return refuse(ErrorCode::malformed, place, "is outside the range of a count");
    }
    if (number >= 0) target = static_cast<std::uint32_t>(number);
  }
  template <class Source, Worded E>
  void take(const Source& source, E& target, const Place& place, const Rule&) {
    const std::uint16_t number = source.get().template as<capnp::DynamicEnum>().getRaw();
    if (!is_enumerator<E>(number)) {
      return refuse(ErrorCode::malformed, place,
                    "holds the unknown enumerator " + std::to_string(number));
    }
    target = static_cast<E>(number);
  }
  template <Worded E>
  void take(const FieldSource& source, std::optional<E>& target, const Place& place,
            const Rule& rule) {
    if (source.get().as<capnp::DynamicEnum>().getRaw() != 0) {
      take(source, target.emplace(), place, rule);
    }
  }
  template <class Source, Described T>
  void take(const Source& source, T& target, const Place& place, const Rule&) {
    take_struct(source.get().template as<DynamicStruct>(), target, place);
  }
  template <Described T>
  void take(const FieldSource& source, std::optional<T>& target, const Place& place,
            const Rule& rule) {
    if (source.present()) take(source, target.emplace(), place, rule);
  }

  void refuse(ErrorCode code, const Place& place, const std::string& what) {
    if (!error_) error_ = Error{code, place.quoted() + " " + what};
  }

  std::optional<Error> error_;
};

template <class T>
T take_body(ContentReader& reader, DynamicStruct::Reader source, const Place& place) {
  T body;
  reader.take_struct(source, body, place);
  return body;
}

Result<Content> read_content(format::Content::Reader source) {
  const Place whole;
  const Place place(whole, "body");
  Content content;
  ContentReader reader;
  const auto body = source.getBody();
  switch (body.which()) {
    case format::Content::Body::NOTICE:
      content.body = take_body<CooperationNotice>(reader, body.getNotice(), place);
      break;
    case format::Content::Body::SCHEDULE:
      content.body = take_body<TrainingSchedule>(reader, body.getSchedule(), place);
      break;
    case format::Content::Body::RECEIPT:
      content.body = take_body<OfficerReceipt>(reader, body.getReceipt(), place);
      break;
    case format::Content::Body::RECALL:
      content.body = take_body<Recall>(reader, body.getRecall(), place);
      break;
    case format::Content::Body::PART:
      content.body = take_body<Part>(reader, body.getPart(), place);
      if (source.hasHeader() || source.hasParts()) {
        return fail(ErrorCode::malformed, "a part has neither header nor attachments");
      }
      break;
    default:
      return fail(ErrorCode::unsupported, "a body of a kind this build does not know");
  }
  if (!std::holds_alternative<Part>(content.body)) {
    reader.take_struct(DynamicStruct::Reader(source.getHeader()), content.header,
                       Place(whole, "header"));
    const DynamicStruct::Reader root(source);
    reader.take(FieldSource{root, root.getSchema().getFieldByName("parts")}, content.parts,
                Place(whole, "parts"), at_most(kAttachmentsMax));
  }
  if (reader.error()) return fail(std::move(*reader.error()));
  return content;
}

struct BodyWriter {
  format::Content::Body::Builder target;
  void operator()(const CooperationNotice& body) { write(target.initNotice(), body); }
  void operator()(const TrainingSchedule& body) { write(target.initSchedule(), body); }
  void operator()(const OfficerReceipt& body) { write(target.initReceipt(), body); }
  void operator()(const Recall& body) { write(target.initRecall(), body); }
  void operator()(const Part& body) { write(target.initPart(), body); }

  template <class Builder, class T>
  static void write(Builder builder, const T& body) {
    put_struct(DynamicStruct::Builder(builder), body);
  }
};

// A guess that spares the copy into one segment in nearly every case.
unsigned first_segment_words(const Content& content) {
  constexpr std::size_t kUsualWords = 2048;
  const auto* part = std::get_if<Part>(&content.body);
  return static_cast<unsigned>(part != nullptr ? part->bytes.size() / 8 + 64 : kUsualWords);
}

}  // namespace

Result<Bytes> encode(const Content& content) {
  KERUEN_CHECK(check_bounds(content));
  KERUEN_CHECK(check(content));
  capnp::MallocMessageBuilder message(first_segment_words(content));
  auto root = message.initRoot<format::Content>();
  if (!std::holds_alternative<Part>(content.body)) {
    put_struct(DynamicStruct::Builder(root.initHeader()), content.header);
    const DynamicStruct::Builder dynamic_root(root);
    put(FieldSink{dynamic_root, dynamic_root.getSchema().getFieldByName("parts")}, content.parts);
  }
  std::visit(BodyWriter{root.getBody()}, content.body);
  Bytes bytes = write_flat(message);
  if (bytes.size() > kContentBytesMax) {
    return fail(ErrorCode::too_large, "the content has " + std::to_string(bytes.size()) +
                                          " bytes, at most " + std::to_string(kContentBytesMax) +
                                          " are allowed: send large things as attachments");
  }
  return bytes;
}

Result<Content> decode_content(BytesView bytes) {
  KERUEN_TRY(Content content, read_strict<Content>(bytes, kContentBytesMax, [](auto& message) {
               return read_content(message.template getRoot<format::Content>());
             }));
  KERUEN_CHECK(check_bounds(content));
  KERUEN_CHECK(check(content));
  return content;
}

}  // namespace keruen::content
