#include "schemas/strict_message.h"

#include <capnp/any.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <cstring>

#include "schemas/limits.h"

namespace keruen {
namespace {

constexpr std::size_t kWordBytes = sizeof(capnp::word);
constexpr std::size_t kFramingBytes = 8;  // u32 segments - 1, u32 words of the first; little-endian
static_assert(kWordBytes == 8);

// While it lives: kj makes no stack traces (they run addr2line) and writes nothing to stderr.
class QuietExceptions final : public kj::ExceptionCallback {
 public:
  StackTraceMode stackTraceMode() override { return StackTraceMode::NONE; }
  void logMessage(kj::LogSeverity, const char*, int, int, kj::String&&) override {}
};

std::uint32_t little_endian_32(BytesView bytes) {
  return static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
         static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
}

void put_little_endian_32(Bytes& bytes, std::uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) {
    bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  }
}

Result<void> check_framing(BytesView bytes, std::size_t bytes_max) {
  if (bytes.size() > bytes_max) {
    return fail(ErrorCode::too_large, std::to_string(bytes.size()) + " bytes where at most " +
                                          std::to_string(bytes_max) + " are allowed");
  }
  if (bytes.size() < kFramingBytes + kWordBytes) {
    return fail(ErrorCode::malformed, "shorter than the smallest message");
  }
  if (little_endian_32(bytes) != 0) return fail(ErrorCode::malformed, "more than one segment");
  const std::uint64_t words = little_endian_32(bytes.subspan(4));
  if (bytes.size() < kFramingBytes + words * kWordBytes) {
    return fail(ErrorCode::malformed, "cut off: the message is longer than its bytes");
  }
  if (bytes.size() > kFramingBytes + words * kWordBytes) {
    return fail(ErrorCode::malformed, "bytes behind the end of the message");
  }
  return {};
}

}  // namespace

Result<void> open_strict(BytesView bytes, std::size_t bytes_max,
                         const std::function<void(capnp::MessageReader&)>& read) {
  KERUEN_CHECK(check_framing(bytes, bytes_max));
  kj::Array<capnp::word> copy;
  kj::ArrayPtr<const capnp::word> words(reinterpret_cast<const capnp::word*>(bytes.data()),
                                        bytes.size() / kWordBytes);
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % kWordBytes != 0) {
    copy = kj::heapArray<capnp::word>(words.size());
    std::memcpy(copy.asBytes().begin(), bytes.data(), bytes.size());
    words = copy;
  }
  capnp::ReaderOptions options;
  options.nestingLimit = kNestingMax;
  options.traversalLimitInWords = words.size() * kTraversalFactor;
  QuietExceptions quiet;
  try {
    capnp::FlatArrayMessageReader message(words, options);
    read(message);
  } catch (const kj::Exception& exception) {
    return fail(ErrorCode::malformed,
                "not a message of this format: " + std::string(exception.getDescription().cStr()));
  }
  return {};
}

Bytes write_flat(capnp::MessageBuilder& message) {
  if (message.getSegmentsForOutput().size() != 1) {
    const auto root = message.getRoot<capnp::AnyPointer>().asReader();
    const auto words = root.targetSize().wordCount + 1;
    capnp::MallocMessageBuilder whole(static_cast<unsigned>(words),
                                      capnp::AllocationStrategy::FIXED_SIZE);
    whole.setRoot(root);
    ensure(whole.getSegmentsForOutput().size() == 1, "a copied message has one segment");
    return write_flat(whole);
  }
  const auto segment = message.getSegmentsForOutput()[0].asBytes();
  Bytes bytes;
  bytes.reserve(kFramingBytes + segment.size());
  put_little_endian_32(bytes, 0);
  put_little_endian_32(bytes, static_cast<std::uint32_t>(segment.size() / kWordBytes));
  bytes.insert(bytes.end(), segment.begin(), segment.end());
  return bytes;
}

}  // namespace keruen
