// Every limit of the product that two parts or two machines must agree on.
// Units: the last word of each name.   Threads: constants.
//
// A limit is checked where bytes enter; behind that edge it is relied on.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace keruen {

// Names
inline constexpr std::size_t kAgencyIdBytesMax = 63;
inline constexpr std::size_t kOriginBytesMax = 127;

// Messages and batches
inline constexpr std::size_t kHeaderBytesMax = 8 * 1024;
inline constexpr std::size_t kRecipientsMax = 64;
inline constexpr std::size_t kPlaintextBytesMin = 256;
inline constexpr std::size_t kPlaintextBytesMax = 64 * 1024;  // padded, before the tag
inline constexpr std::size_t kContentBytesMax = 1024 * 1024;  // after decompression
inline constexpr std::size_t kPartBytesMax = 60 * 1024;
inline constexpr std::size_t kAttachmentBytesMax = 64 * 1024 * 1024;
inline constexpr std::size_t kAttachmentsMax = 32;                      // per message
inline constexpr std::size_t kAttachmentsBytesMax = 128 * 1024 * 1024;  // of them together
inline constexpr std::size_t kLeavesPerBatchMax = 1024;
inline constexpr std::size_t kBatchCloseBytes = 256 * 1024;
inline constexpr std::size_t kBatchBytesMax = 384 * 1024;
inline constexpr std::size_t kReceiptBytesMax = 8 * 1024;
inline constexpr std::size_t kReceiptRangesMax = 512;
inline constexpr std::size_t kStatementBytesMax = 1024;
inline constexpr std::size_t kSealTagBytes = 16;        // a body is its plaintext and this
inline constexpr std::size_t kBatchesInFlightMax = 16;  // per stream
inline constexpr std::chrono::hours kExpiryDefault{7 * 24};
inline constexpr std::chrono::hours kExpiryMax{30 * 24};
inline constexpr std::chrono::hours kDuplicateMemory{31 * 24};  // after expiry
inline constexpr std::chrono::minutes kClockAheadMax{5};

// Frames
inline constexpr std::size_t kFrameBytesMax = 512 * 1024;
inline constexpr std::size_t kCurveOverheadBytes = 33;
inline constexpr std::size_t kSliceBytesMax = kBatchBytesMax;  // whatever is one batch is one slice
inline constexpr int kNestingMax = 16;
inline constexpr std::uint64_t kTraversalFactor = 8;  // × message words
inline constexpr std::size_t kStreamsPerHelloMax = 64;
inline constexpr std::size_t kHashesPerFetchMax = 1024;
inline constexpr std::size_t kDirectoryLinesPerFrameMax = 1024;
inline constexpr std::size_t kProofHashesMax = 128;
inline constexpr std::size_t kInclusionProofsMax = 64;                   // in one frame
inline constexpr std::uint64_t kLogEntriesMax = std::uint64_t{1} << 62;  // SQLite counts to 2^63
inline constexpr std::size_t kNoteBytesMax = 8 * 1024;
inline constexpr std::size_t kVersionsPerHelloMax = 16;  // protocol versions, suites
inline constexpr std::size_t kMessagePlacesMax = 1024;   // in one report
inline constexpr std::uint64_t kWallMillisecondsMax = 253'402'300'799'999;  // end of the year 9999

// Registry and directory
inline constexpr std::size_t kRegistryAgenciesMax = 4096;
inline constexpr std::size_t kRegistryEntriesMax = 16 * 1024;
inline constexpr std::size_t kRegistryEntryBytesMax =
    320 * 1024;  // a group of kGroupMembersMax fits
inline constexpr std::size_t kRegistryHeadBytesMax = 1024;
inline constexpr std::size_t kSnapshotBytesMax = 64 * 1024 * 1024;  // as a file
inline constexpr std::size_t kBrokerKeysMax = 4;         // of one kind: in use, next, overlap
inline constexpr std::size_t kLanguageTagBytesMax = 35;  // RFC 5646 §4.4.1
inline constexpr std::size_t kGroupMembersMax = 4096;
inline constexpr std::size_t kAuthoritiesMax = 16;
inline constexpr std::size_t kNamesPerAgencyMax = 16;
inline constexpr std::size_t kNameBytesMax = 255;
inline constexpr std::size_t kEndpointBytesMax = 255;
inline constexpr std::size_t kCertificateBytesMax = 4 * 1024;
inline constexpr std::size_t kKeyRecordBytesMax = 1024;
inline constexpr std::size_t kKeyRecordsPerDayMax = 32;  // per agency
inline constexpr std::size_t kNewStreamsPerDayMax = 64;  // per agency

// Key lives
inline constexpr std::chrono::hours kSigningKeyLife{90 * 24};
inline constexpr std::chrono::hours kSigningKeyUse{45 * 24};
inline constexpr std::chrono::hours kTransportKeyLife{90 * 24};
inline constexpr std::chrono::hours kTransportKeyUse{45 * 24};
inline constexpr std::chrono::hours kPrekeyWindow{7 * 24};
inline constexpr std::chrono::hours kPrekeysAhead{5 * 7 * 24};
inline constexpr std::chrono::hours kPrekeyEarly{1};  // the first window opens this much before now
inline constexpr std::chrono::hours kPrekeyKept{31 * 24};  // after its window
inline constexpr std::chrono::hours kRegistryLife{30 * 24};
inline constexpr std::chrono::hours kChannelLife{1};
inline constexpr std::uint64_t kChannelUsesMax = 1u << 20;

// Flow
inline constexpr std::size_t kOutgoingPoolBytesMax =
    96 * 1024 * 1024;                                           // broker, everything on its way out
inline constexpr std::size_t kTailBytesMax = 64 * 1024 * 1024;  // newest batches in memory
inline constexpr std::uint64_t kCreditBytesDefault = 4 * 1024 * 1024;  // an agent's grant
inline constexpr std::chrono::milliseconds kAcknowledgeDelayMax{100};
inline constexpr std::size_t kSocketFramesOutMax = 8;  // SNDHWM of the broker, for each agent
inline constexpr std::size_t kSocketFramesInMax = 2;   // RCVHWM likewise
inline constexpr std::chrono::seconds kPingEvery{10};
// Without a word from one who has not greeted yet, or not welcomed us: those frames are small.
inline constexpr std::chrono::seconds kSilenceMax{30};
// From anybody else. Only whole frames are heard, the largest takes minutes by radio, and pings and
// their answers wait behind it in either direction; neither end can tell that the other is sending
// one. So both are patient, the agent where its line is thin or nobody knows; what is dead is found
// by TCP, to which every byte counts.
inline constexpr std::chrono::seconds kFrameTimeMax{600};

// Log
inline constexpr std::size_t kSegmentBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kRecordAlignmentBytes = 64;
inline constexpr std::size_t kSegmentAlignmentBytes = 4096;
inline constexpr std::chrono::seconds kCheckpointEvery{1};
inline constexpr std::chrono::hours kBatchesKept{30 * 24};  // after a segment's last entry

}  // namespace keruen
