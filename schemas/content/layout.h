// INTERNAL to schemas/content/codec.cc: where each described field lies in its Cap'n Proto struct.
// Shape: a table per described type, made once from the schema; reading and writing use the table
// and ask the schema nothing. A name or a type that one side lacks stops the program at first use,
// in any test.
// Threads: made by the first who asks, then constant.
// Source: capnproto.org/encoding.html; the little-endian host is the only one we build for.
#pragma once

#include <capnp/any.h>
#include <capnp/schema.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

#include "schemas/content/fields.h"
#include "schemas/content/words.h"

namespace keruen::content {

static_assert(std::endian::native == std::endian::little);

template <class T>
constexpr bool kIsNumber = std::is_integral_v<T>;
// Bytes are a vector too, but one value and no list.
template <class T>
constexpr bool kIsElement = !std::is_same_v<T, std::uint8_t>;

struct Layout;

struct Slot {
  std::uint32_t offset = 0;           // bytes into the data section, or which pointer
  std::uint64_t default_value = 0;    // numbers are stored XORed with it
  const Layout* structure = nullptr;  // of a struct, or of a list's elements
};

struct Layout {
  std::vector<Slot> slots;  // in the order in which the description visits the fields
  std::uint16_t data_words = 0;
  std::uint16_t pointers = 0;
};

// What stands in the schema for a member of type T; for a list what its elements are.
template <class T>
struct Kept;

using capnp::schema::Type;

template <>
struct Kept<std::string> : std::integral_constant<Type::Which, Type::TEXT> {};
template <>
struct Kept<OfficerId> : std::integral_constant<Type::Which, Type::TEXT> {};
template <>
struct Kept<AgencyId> : std::integral_constant<Type::Which, Type::TEXT> {};
template <>
struct Kept<Bytes> : std::integral_constant<Type::Which, Type::DATA> {};
template <class Tag, std::size_t Size>
struct Kept<FixedBytes<Tag, Size>> : std::integral_constant<Type::Which, Type::DATA> {};
template <>
struct Kept<WallTime> : std::integral_constant<Type::Which, Type::UINT64> {};
template <>
struct Kept<std::uint8_t> : std::integral_constant<Type::Which, Type::UINT8> {};
template <>
struct Kept<std::uint16_t> : std::integral_constant<Type::Which, Type::UINT16> {};
template <>
struct Kept<std::uint32_t> : std::integral_constant<Type::Which, Type::UINT32> {};
template <>
struct Kept<std::uint64_t> : std::integral_constant<Type::Which, Type::UINT64> {};
template <>
struct Kept<std::int32_t> : std::integral_constant<Type::Which, Type::INT32> {};
template <>
struct Kept<std::int64_t> : std::integral_constant<Type::Which, Type::INT64> {};
// A count that may be absent: -1.
template <>
struct Kept<std::optional<std::uint32_t>> : std::integral_constant<Type::Which, Type::INT64> {};
template <Worded E>
struct Kept<E> : std::integral_constant<Type::Which, Type::ENUM> {};
template <Described T>
struct Kept<T> : std::integral_constant<Type::Which, Type::STRUCT> {};
template <class T>
struct Kept<std::optional<T>> : Kept<T> {};
template <class T>
requires kIsElement<T>
struct Kept<std::vector<T>> : std::integral_constant<Type::Which, Type::LIST> {
};

// Of the field `name`, in snake_case, of a struct of this schema.
[[nodiscard]] capnp::StructSchema::Field field_named(capnp::StructSchema schema,
                                                     std::string_view name);
// Without `structure`. Stops the program when the field is not of this type.
[[nodiscard]] Slot slot_of(capnp::StructSchema::Field field, Type::Which expected);
// The same of a list's elements: they have no slot of their own.
void check_elements(capnp::StructSchema::Field field, Type::Which expected);
[[nodiscard]] Layout empty_layout_of(capnp::StructSchema schema);
void check_complete(const Layout& layout, capnp::StructSchema schema);

template <class T>
[[nodiscard]] const Layout& layout_of(capnp::StructSchema schema);

// `member` only names its type.
template <class T>
[[nodiscard]] Slot bind(capnp::StructSchema::Field field, const T*) {
  Slot slot = slot_of(field, Kept<T>::value);
  if constexpr (Described<T>) slot.structure = &layout_of<T>(field.getType().asStruct());
  return slot;
}
template <class T>
requires(!std::is_same_v<T, std::uint32_t>) [[nodiscard]] Slot
    bind(capnp::StructSchema::Field field, const std::optional<T>*) {
  return bind(field, static_cast<const T*>(nullptr));
}
template <class T>
requires kIsElement<T>
[[nodiscard]] Slot bind(capnp::StructSchema::Field field, const std::vector<T>*) {
  Slot slot = slot_of(field, Type::LIST);
  check_elements(field, Kept<T>::value);
  if constexpr (Described<T>) {
    slot.structure = &layout_of<T>(field.getType().asList().getStructElementType());
  }
  return slot;
}

template <class T, class Member>
const Member* type_of(Member T::*) {
  return nullptr;
}

template <class T>
[[nodiscard]] const Layout& layout_of(capnp::StructSchema schema) {
  static const Layout layout = [&] {
    Layout made = empty_layout_of(schema);
    visit_fields<T>([&](std::string_view name, auto member, const Rule&) {
      made.slots.push_back(bind(field_named(schema, name), type_of(member)));
    });
    check_complete(made, schema);
    return made;
  }();
  return layout;
}

// What an older sender's struct has no room for is what was left out: the default.
template <class Number>
[[nodiscard]] Number read_number(capnp::AnyStruct::Reader source, const Slot& slot) {
  const auto data = source.getDataSection();
  Number stored = 0;
  if (slot.offset + sizeof(Number) <= data.size()) {
    std::memcpy(&stored, data.begin() + slot.offset, sizeof(Number));
  }
  return static_cast<Number>(stored ^ static_cast<Number>(slot.default_value));
}

template <class Number>
void write_number(capnp::AnyStruct::Builder target, const Slot& slot, Number value) {
  const auto stored = static_cast<Number>(value ^ static_cast<Number>(slot.default_value));
  std::memcpy(target.getDataSection().begin() + slot.offset, &stored, sizeof(Number));
}

[[nodiscard]] inline capnp::AnyPointer::Reader read_pointer(capnp::AnyStruct::Reader source,
                                                            const Slot& slot) {
  const auto pointers = source.getPointerSection();
  return slot.offset < pointers.size() ? pointers[slot.offset] : capnp::AnyPointer::Reader();
}

[[nodiscard]] inline capnp::AnyPointer::Builder write_pointer(capnp::AnyStruct::Builder target,
                                                              const Slot& slot) {
  return target.getPointerSection()[slot.offset];
}

}  // namespace keruen::content
