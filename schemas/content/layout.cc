#include "schemas/content/layout.h"

#include <string>

namespace keruen::content {
namespace {

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

bool is_pointer(Type::Which type) {
  return type == Type::TEXT || type == Type::DATA || type == Type::LIST || type == Type::STRUCT;
}

std::uint32_t bytes_of(Type::Which type) {
  switch (type) {
    case Type::UINT8:
      return 1;
    case Type::UINT16:
    case Type::ENUM:
      return 2;
    case Type::UINT32:
    case Type::INT32:
      return 4;
    case Type::UINT64:
    case Type::INT64:
      return 8;
    default:
      ensure(false, "every kind of number in content.capnp has its size here");
      return 0;
  }
}

std::uint64_t default_of(capnp::schema::Value::Reader value) {
  if (value.isInt64()) return static_cast<std::uint64_t>(value.getInt64());
  return 0;
}

}  // namespace

capnp::StructSchema::Field field_named(capnp::StructSchema schema, std::string_view name) {
  KJ_IF_MAYBE (field, schema.findFieldByName(camel_case(name).c_str())) return *field;
  ensure(false, "content.capnp has every field of fields.h");
  return {};
}

Slot slot_of(capnp::StructSchema::Field field, Type::Which expected) {
  ensure(field.getProto().isSlot() && field.getType().which() == expected,
         "fields.h and content.capnp agree on the type of every field");
  const auto proto = field.getProto().getSlot();
  Slot slot;
  if (is_pointer(expected)) {
    slot.offset = proto.getOffset();
    return slot;
  }
  ensure(!proto.getHadExplicitDefault() || proto.getDefaultValue().isInt64(),
         "only counts that may be absent have a default of their own");
  slot.offset = proto.getOffset() * bytes_of(expected);
  slot.default_value = default_of(proto.getDefaultValue());
  return slot;
}

void check_elements(capnp::StructSchema::Field field, Type::Which expected) {
  ensure(field.getType().asList().whichElementType() == expected,
         "fields.h and content.capnp agree on the elements of every list");
}

Layout empty_layout_of(capnp::StructSchema schema) {
  const auto structure = schema.getProto().getStruct();
  return {{}, structure.getDataWordCount(), structure.getPointerCount()};
}

void check_complete(const Layout& layout, capnp::StructSchema schema) {
  ensure(layout.slots.size() == schema.getFields().size(),
         "fields.h has every field of content.capnp");
}

}  // namespace keruen::content
