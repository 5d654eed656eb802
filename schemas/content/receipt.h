// What an officer states about a message she was sent: read, processed. And the sender's recall.
// Shape: a receipt answers exactly one message.   Units: milliseconds UTC.   Threads: values.
//
// A receipt is a message of kind receipt, sealed to the sender, never itself answered by `read`.
// A recall asks the readers to treat a message as withdrawn; it deletes nothing by itself. It
// travels as the kind of the message it recalls, so the rules that let that one through let this
// through.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "schemas/content/sealed_header.h"
#include "schemas/names.h"
#include "schemas/now.h"

namespace keruen::content {

enum class ReceiptKind : std::uint8_t { read = 1, processed };
enum class ProcessResult : std::uint8_t { done = 1, refused, forwarded };

struct OfficerReceipt {
  ReceiptKind kind = ReceiptKind::read;
  MessageId message;                    // the one it answers
  std::optional<ProcessResult> result;  // exactly with `processed`
  std::string note;
  OfficerId officer;
  std::string unit;
  WallTime when;

  bool operator==(const OfficerReceipt&) const = default;
};

struct Recall {
  MessageId message;
  MessageKind kind = MessageKind::notice;  // of that message: notice, schedule or evidence
  std::string reason;

  bool operator==(const Recall&) const = default;
};

}  // namespace keruen::content
