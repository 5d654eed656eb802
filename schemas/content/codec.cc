// Cap'n Proto to values and back, driven by the one description in fields.h and the places of
// layout.h.
#include <capnp/any.h>
#include <capnp/message.h>

#include <array>
#include <string>
#include <vector>

#include "schemas/content/bounds_check.h"
#include "schemas/content/content.capnp.h"
#include "schemas/content/content.h"
#include "schemas/content/fields.h"
#include "schemas/content/layout.h"
#include "schemas/content/place.h"
#include "schemas/content/words.h"
#include "schemas/strict_message.h"

namespace keruen::content {
namespace {

using capnp::AnyPointer;
using capnp::AnyStruct;

// ---- values to Cap'n Proto

template <class T>
void put_struct(AnyStruct::Builder target, const Layout& layout, const T& value);

capnp::Text::Reader text_of(const std::string& text) { return {text.c_str(), text.size()}; }
capnp::Text::Reader text_of(const OfficerId& officer) { return text_of(officer.text); }
capnp::Text::Reader text_of(const AgencyId& agency) { return text_of(agency.text()); }

template <class T>
requires(Kept<T>::value == Type::TEXT) void put(AnyStruct::Builder target, const Slot& slot,
                                                const T& value) {
  write_pointer(target, slot).setAs<capnp::Text>(text_of(value));
}
void put(AnyStruct::Builder target, const Slot& slot, const Bytes& bytes) {
  write_pointer(target, slot).setAs<capnp::Data>({bytes.data(), bytes.size()});
}
template <class Tag, std::size_t Size>
void put(AnyStruct::Builder target, const Slot& slot, const FixedBytes<Tag, Size>& value) {
  write_pointer(target, slot).setAs<capnp::Data>({value.bytes.data(), Size});
}
void put(AnyStruct::Builder target, const Slot& slot, WallTime time) {
  write_number(target, slot, milliseconds_of(time));
}
template <class T>
requires kIsNumber<T>
void put(AnyStruct::Builder target, const Slot& slot, T number) {
  write_number(target, slot, number);
}
void put(AnyStruct::Builder target, const Slot& slot, const std::optional<std::uint32_t>& count) {
  if (count) write_number(target, slot, std::int64_t{*count});
}
template <Worded E>
void put(AnyStruct::Builder target, const Slot& slot, E value) {
  write_number(target, slot, static_cast<std::uint16_t>(value));
}
template <Described T>
void put(AnyStruct::Builder target, const Slot& slot, const T& value) {
  const Layout& layout = *slot.structure;
  put_struct(write_pointer(target, slot).initAsAnyStruct(layout.data_words, layout.pointers),
             layout, value);
}
template <class T>
requires(!std::is_same_v<T, std::uint32_t>) void put(AnyStruct::Builder target, const Slot& slot,
                                                     const std::optional<T>& value) {
  // What is left out is 0 or null: "not given".
  if (value) put(target, slot, *value);
}
template <class T>
requires kIsElement<T>
void put(AnyStruct::Builder target, const Slot& slot, const std::vector<T>& values) {
  if (values.empty()) return;
  const auto count = static_cast<unsigned>(values.size());
  auto pointer = write_pointer(target, slot);
  if constexpr (Described<T>) {
    const Layout& layout = *slot.structure;
    auto list = pointer.initAsListOfAnyStruct(layout.data_words, layout.pointers, count);
    for (unsigned i = 0; i < count; ++i) put_struct(list[i], layout, values[i]);
  } else if constexpr (Worded<T>) {
    auto list = pointer.initAs<capnp::List<std::uint16_t>>(count);
    for (unsigned i = 0; i < count; ++i) list.set(i, static_cast<std::uint16_t>(values[i]));
  } else {
    auto list = pointer.initAs<capnp::List<capnp::Text>>(count);
    for (unsigned i = 0; i < count; ++i) list.set(i, text_of(values[i]));
  }
}

template <class T>
void put_struct(AnyStruct::Builder target, const Layout& layout, const T& value) {
  auto slot = layout.slots.begin();
  visit_fields<T>(
      [&](std::string_view, auto member, const Rule&) { put(target, *slot++, value.*member); });
}

// ---- Cap'n Proto to values. Bounds and UTF-8 are checked on the values, by check_bounds().

class ContentReader {
 public:
  template <class T>
  void take_struct(AnyStruct::Reader source, const Layout& layout, T& target, const Place& place) {
    auto slot = layout.slots.begin();
    visit_fields<T>([&](std::string_view name, auto member, const Rule& rule) {
      const Slot& field = *slot++;
      if (!error_) take(source, field, target.*member, Place(place, name), rule);
    });
  }

  template <class T>
  requires kIsElement<T>
  void take(AnyStruct::Reader source, const Slot& slot, std::vector<T>& target, const Place& place,
            const Rule& rule) {
    const auto pointer = read_pointer(source, slot);
    if constexpr (Described<T>) {
      const auto any = pointer.getAs<capnp::AnyList>();
      if (any.size() > 0 && any.getElementSize() != capnp::ElementSize::INLINE_COMPOSITE) {
        return refuse(ErrorCode::malformed, place, "is no list of structures");
      }
      const auto list = any.as<capnp::List<AnyStruct>>();
      if (!make_room(list.size(), target, place, rule)) return;
      for (unsigned i = 0; i < list.size() && !error_; ++i) {
        take_struct(list[i], *slot.structure, target[i], Place(place, i));
      }
    } else if constexpr (Worded<T>) {
      const auto list = pointer.getAs<capnp::List<std::uint16_t>>();
      if (!make_room(list.size(), target, place, rule)) return;
      for (unsigned i = 0; i < list.size() && !error_; ++i) {
        assign(list[i], target[i], Place(place, i));
      }
    } else {
      const auto list = pointer.getAs<capnp::List<capnp::Text>>();
      if (!make_room(list.size(), target, place, rule)) return;
      for (unsigned i = 0; i < list.size() && !error_; ++i) {
        assign(list[i], target[i], Place(place, i));
      }
    }
  }

  [[nodiscard]] std::optional<Error>& error() { return error_; }

 private:
  // Before anything is made of it: a list of nothing claims millions of entries in a few bytes.
  template <class T>
  [[nodiscard]] bool make_room(std::size_t count, std::vector<T>& target, const Place& place,
                               const Rule& rule) {
    if (count > rule.count_max) {
      refuse(ErrorCode::too_large, place,
             "has " + std::to_string(count) + " entries, at most " +
                 std::to_string(rule.count_max) + " are allowed");
      return false;
    }
    target.resize(count);
    return true;
  }

  void assign(capnp::Text::Reader text, std::string& target, const Place&) {
    target.assign(text.begin(), text.size());
  }
  void assign(capnp::Text::Reader text, OfficerId& target, const Place& place) {
    assign(text, target.text, place);
  }
  void assign(capnp::Text::Reader text, AgencyId& target, const Place& place) {
    auto agency = AgencyId::parse({text.begin(), text.size()});
    if (!agency) return refuse(ErrorCode::malformed, place, agency.error().detail);
    target = std::move(*agency);
  }
  template <Worded E>
  void assign(std::uint16_t number, E& target, const Place& place) {
    if (!is_enumerator<E>(number)) {
      return refuse(ErrorCode::malformed, place,
                    "holds the unknown enumerator " + std::to_string(number));
    }
    target = static_cast<E>(number);
  }

  template <class T>
  requires(Kept<T>::value == Type::TEXT) void take(AnyStruct::Reader source, const Slot& slot,
                                                   T& target, const Place& place, const Rule&) {
    assign(read_pointer(source, slot).getAs<capnp::Text>(), target, place);
  }
  void take(AnyStruct::Reader source, const Slot& slot, Bytes& target, const Place&, const Rule&) {
    const auto data = read_pointer(source, slot).getAs<capnp::Data>();
    target.assign(data.begin(), data.end());
  }
  template <class Tag, std::size_t Size>
  void take(AnyStruct::Reader source, const Slot& slot, FixedBytes<Tag, Size>& target,
            const Place& place, const Rule&) {
    const auto data = read_pointer(source, slot).getAs<capnp::Data>();
    const auto value = FixedBytes<Tag, Size>::from({data.begin(), data.size()});
    if (!value) {
      return refuse(ErrorCode::malformed, place, "must be " + std::to_string(Size) + " bytes");
    }
    target = *value;
  }
  void take(AnyStruct::Reader source, const Slot& slot, WallTime& target, const Place& place,
            const Rule&) {
    // Beyond this wall_time_of would turn negative; is_instant() refuses far smaller ones.
    const auto milliseconds = read_number<std::uint64_t>(source, slot);
    if (milliseconds > std::uint64_t{1} << 62) {
      return refuse(ErrorCode::malformed, place, "is no instant");
    }
    target = wall_time_of(milliseconds);
  }
  template <class T>
  requires kIsNumber<T>
  void take(AnyStruct::Reader source, const Slot& slot, T& target, const Place&, const Rule&) {
    target = read_number<T>(source, slot);
  }
  void take(AnyStruct::Reader source, const Slot& slot, std::optional<std::uint32_t>& target,
            const Place& place, const Rule&) {
    const auto number = read_number<std::int64_t>(source, slot);
    if (number < -1 || number > std::int64_t{UINT32_MAX}) {
      return refuse(ErrorCode::malformed, place, "is outside the range of a count");
    }
    if (number >= 0) target = static_cast<std::uint32_t>(number);
  }
  template <Worded E>
  void take(AnyStruct::Reader source, const Slot& slot, E& target, const Place& place,
            const Rule&) {
    assign(read_number<std::uint16_t>(source, slot), target, place);
  }
  template <Described T>
  void take(AnyStruct::Reader source, const Slot& slot, T& target, const Place& place,
            const Rule&) {
    take_struct(read_pointer(source, slot).getAs<AnyStruct>(), *slot.structure, target, place);
  }
  // Not given: a null pointer, an instant 0, an enumerator 0.
  template <class T>
  requires(!std::is_same_v<T, std::uint32_t>) void take(AnyStruct::Reader source, const Slot& slot,
                                                        std::optional<T>& target,
                                                        const Place& place, const Rule& rule) {
    bool given = false;
    if constexpr (std::is_same_v<T, WallTime>) {
      given = read_number<std::uint64_t>(source, slot) != 0;
    } else if constexpr (Worded<T>) {
      given = read_number<std::uint16_t>(source, slot) != 0;
    } else {
      given = !read_pointer(source, slot).isNull();
    }
    if (given) take(source, slot, target.emplace(), place, rule);
  }

  void refuse(ErrorCode code, const Place& place, const std::string& what) {
    if (!error_) error_ = Error{code, place.quoted() + " " + what};
  }

  std::optional<Error> error_;
};

template <class T, class Format>
void take_body(ContentReader& reader, typename Format::Reader source, Body& target,
               const Place& place) {
  reader.take_struct(AnyStruct::Reader(source), layout_of<T>(capnp::Schema::from<Format>()),
                     target.emplace<T>(), place);
}

const Slot& parts_slot() {
  static const Slot slot = bind(field_named(capnp::Schema::from<format::Content>(), "parts"),
                                static_cast<const std::vector<Attachment>*>(nullptr));
  return slot;
}

const Layout& header_layout() {
  return layout_of<SealedHeader>(capnp::Schema::from<format::SealedHeader>());
}

// Into a value that stays where it is: moving one costs as much as reading a short one.
Result<void> read_content(format::Content::Reader source, Content& content) {
  const Place whole;
  const Place place(whole, "body");
  ContentReader reader;
  const auto body = source.getBody();
  switch (body.which()) {
    case format::Content::Body::NOTICE:
      take_body<CooperationNotice, format::CooperationNotice>(reader, body.getNotice(),
                                                              content.body, place);
      break;
    case format::Content::Body::SCHEDULE:
      take_body<TrainingSchedule, format::TrainingSchedule>(reader, body.getSchedule(),
                                                            content.body, place);
      break;
    case format::Content::Body::RECEIPT:
      take_body<OfficerReceipt, format::OfficerReceipt>(reader, body.getReceipt(), content.body,
                                                        place);
      break;
    case format::Content::Body::RECALL:
      take_body<Recall, format::Recall>(reader, body.getRecall(), content.body, place);
      break;
    case format::Content::Body::PART:
      take_body<Part, format::Part>(reader, body.getPart(), content.body, place);
      if (source.hasHeader() || source.hasParts()) {
        return fail(ErrorCode::malformed, "a part has neither header nor attachments");
      }
      break;
    default:
      return fail(ErrorCode::unsupported, "a body of a kind this build does not know");
  }
  if (!std::holds_alternative<Part>(content.body)) {
    reader.take_struct(AnyStruct::Reader(source.getHeader()), header_layout(), content.header,
                       Place(whole, "header"));
    reader.take(AnyStruct::Reader(source), parts_slot(), content.parts, Place(whole, "parts"),
                at_most(kAttachmentsMax));
  }
  if (reader.error()) return fail(std::move(*reader.error()));
  return {};
}

Result<void> decode_into(Content& content, BytesView bytes) {
  KERUEN_CHECK(read_strict<void>(bytes, kContentBytesMax, [&](auto& message) {
    return read_content(message.template getRoot<format::Content>(), content);
  }));
  KERUEN_CHECK(check_bounds(content));
  return check(content);
}

struct BodyWriter {
  format::Content::Body::Builder target;
  void operator()(const CooperationNotice& body) {
    write<format::CooperationNotice>(target.initNotice(), body);
  }
  void operator()(const TrainingSchedule& body) {
    write<format::TrainingSchedule>(target.initSchedule(), body);
  }
  void operator()(const OfficerReceipt& body) {
    write<format::OfficerReceipt>(target.initReceipt(), body);
  }
  void operator()(const Recall& body) { write<format::Recall>(target.initRecall(), body); }
  void operator()(const Part& body) { write<format::Part>(target.initPart(), body); }

  template <class Format, class T>
  static void write(typename Format::Builder builder, const T& body) {
    put_struct(AnyStruct::Builder(std::move(builder)), layout_of<T>(capnp::Schema::from<Format>()),
               body);
  }
};

Result<Bytes> encode_into(capnp::MallocMessageBuilder& message, const Content& content) {
  auto root = message.initRoot<format::Content>();
  if (!std::holds_alternative<Part>(content.body)) {
    put_struct(AnyStruct::Builder(root.initHeader()), header_layout(), content.header);
    put(AnyStruct::Builder(format::Content::Builder(root)), parts_slot(), content.parts);
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

}  // namespace

// First segments that spare the copy into one in nearly every case.
Result<Bytes> encode(const Content& content) {
  KERUEN_CHECK(check_bounds_of_new(content));
  KERUEN_CHECK(check(content));
  if (const auto* part = std::get_if<Part>(&content.body)) {
    capnp::MallocMessageBuilder message(static_cast<unsigned>(part->bytes.size() / 8 + 64));
    return encode_into(message, content);
  }
  // Zeros, and left so by the builder that used it.
  alignas(capnp::word) thread_local std::array<std::uint8_t, 16 * 1024> usual{};
  capnp::MallocMessageBuilder message(kj::arrayPtr(reinterpret_cast<capnp::word*>(usual.data()),
                                                   usual.size() / sizeof(capnp::word)));
  return encode_into(message, content);
}

Result<Content> decode_content(BytesView bytes) {
  Result<Content> content;
  if (auto decoded = decode_into(*content, bytes); !decoded) {
    content = fail(std::move(decoded.error()));
  }
  return content;
}

}  // namespace keruen::content
