@0x8708c2fe116f9732;
# What agents, operators and the broker put on the wire, and what is signed, hashed and logged.
#
# Bytes: every message is Cap'n Proto's stream framing with exactly one segment and nothing behind
# it: u32 0, u32 words, then the words, little-endian. What is signed or hashed is these exact
# bytes; nobody ever writes a decoded message again to hash it.
# Fixed-size values (keys, hashes, signatures, ids) are Data of exactly that size. A list of hashes
# is one Data of n x 32 bytes. Enumerations are numbers of the lists in schemas/*.h, so that an
# unknown one is refused by name and not by an exception. Times are milliseconds since 1970.
# Embedded messages (header, statement, receipt, batch, record, entry) are Data: opaque to whoever
# carries them, aligned to 8 bytes in the frame that carries them, so that they are read in place.
#
# Fields are only ever added, with a default that means what its absence meant.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("keruen::wire::format");

# ---- signed by an agent -------------------------------------------------------------------------

struct Header {
  suite @0 :UInt16;
  # One number for all algorithms: nobody can mix a weak one in.
  kind @1 :UInt8;
  message @2 :Data;  # 16, UUIDv7
  sender @3 :Text;
  # Also in the statement; both must agree, so a header cannot be moved into another's batch.
  signingKey @4 :Data;  # 16
  createdAt @5 :UInt64;
  # When it was sealed: selects the prekey whose window holds it.
  expiresAt @6 :UInt64;
  recipients @7 :List(Text);
  # All of them, in wrap order: each recipient proves to itself that it was named, and that nobody
  # was added behind the sender's back.
  commitment @8 :Data;  # 32
  # Stops one body from opening to two contents under two keys.
  paddedBytes @9 :UInt32;
}

struct Statement {
  origin @0 :Text;
  # Stops a batch of one exchange from being replayed in another.
  sender @1 :Text;
  signingKey @2 :Data;  # 16
  stream @3 :UInt64;
  lane @4 :UInt8;
  sequence @5 :UInt64;
  previousBatch @6 :Data;  # 32
  # Chain within the stream: stops dropping, repeating and reordering of batches.
  leafCount @7 :UInt32;
  # Stops a tree of another shape from having the same root.
  root @8 :Data;  # 32
  createdAt @9 :UInt64;
  checkpointSeen @10 :CheckpointSeen;
  # Stops the broker from showing the sender and the recipient two logs.
  directory @11 :DirectoryPosition;
  # Stops the broker from showing them two sets of keys.
  salt @12 :Data;  # 16
  # Stops a reader of a public log from confirming a guess at a statement.
}

struct CheckpointSeen {
  size @0 :UInt64;
  root @1 :Data;  # 32
  logKey @2 :Data;  # 16
  logSignature @3 :Data;  # 64
}

struct DirectoryPosition {
  count @0 :UInt64;
  head @1 :Data;  # 32
}

struct Receipt {
  to @0 :Text;
  sequence @1 :UInt64;
  previousLeaf @2 :Data;  # 32
  # Receipts stand in the pair's chain too: a dropped receipt is seen as a gap.
  batch @3 :Data;  # 32
  # Stops a receipt for one batch from being shown for another.
  leaves @4 :List(LeafRange);
  undeliverable @5 :UInt8;  # ErrorCode; 0: delivered
  at @6 :UInt64;
}

struct LeafRange {
  first @0 :UInt32;
  last @1 :UInt32;  # included
}

struct Batch {
  statement @0 :Data;
  signature @1 :Data;  # 64, Ed25519 over "keruen/1 batch" 00 and the statement's bytes
  leaves @2 :List(Leaf);
  pruned @3 :Data;
  # n x 32: the largest subtrees that hold none of these leaves, left to right; all of them must be
  # consumed by the root, or a slice could carry hashes nobody checks. In what a broker keeps of a
  # batch whose bodies retention dropped: the hash of each leaf left out, one by one; leaves may be
  # empty. That form is never sent.
}

struct Leaf {
  number @0 :UInt32;
  union {
    message :group {
      header @1 :Data;
      wraps @2 :List(WrapSlot);
      body :union {
        sealed @3 :Data;
        hash @4 :Data;  # 32, in a stub or another's slice
      }
    }
    receipt @5 :Data;
  }
}

struct WrapSlot {
  # Hashed as ident(recipient) | channel | prekey | encapsulatedKey | u64 sequence | previousLeaf |
  # sealedKey; the recipient's id is not repeated here, it is the header's at the same place.
  union {
    wrap :group {
      channel @0 :Data;  # 16
      prekey @1 :Data;  # 16
      encapsulatedKey @2 :Data;  # 32
      sequence @3 :UInt64;
      previousLeaf @4 :Data;  # 32
      # The pair's chain: the recipient sees which message before this one it never got.
      sealedKey @5 :Data;  # 48
    }
    hash @6 :Data;  # 32
    # Hides key, place and traffic of the other recipients, and still lets the root be computed.
  }
}

# ---- keys and the registry ----------------------------------------------------------------------

struct KeyRecord {
  origin @0 :Text;
  # Stops a record of one exchange from being replayed in another.
  agency @1 :Text;
  union {
    delegation :group {
      signingKey @2 :Data;  # 32
      validFrom @3 :UInt64;
      validUntil @4 :UInt64;
    }
    transport :group {
      signedBy @5 :Data;  # 16
      transportKey @6 :Data;  # 32
      validFrom @7 :UInt64;
      validUntil @8 :UInt64;
    }
    prekey :group {
      signedBy @9 :Data;  # 16
      prekey @10 :Data;  # 32
      windowFrom @11 :UInt64;
      windowUntil @12 :UInt64;
    }
    revocation :group {
      revoked @13 :Data;  # 16
      at @14 :UInt64;
    }
  }
}

struct SignedRecord {
  body @0 :Data;  # a KeyRecord
  signature @1 :Data;  # 64; the label signed with it is the record's kind, so kinds never mix
}

struct RegistryEntry {
  union {
    agency :group {
      id @0 :Text;
      names @1 :List(LocalName);  # ascending language tags
      certificate @2 :Data;
      firstDelegation @3 :SignedRecord;
      firstTransportKey @4 :SignedRecord;
      # Signed by the agency, so an authority cannot slip a key of its own in as an agency's.
      parent @5 :Text;  # empty: none
      status @6 :UInt8;
    }
    group :group {
      id @7 :Text;
      members @8 :List(Text);  # ascending
    }
    rule :group {
      from @9 :Text;
      to @10 :Text;
      kinds @11 :List(UInt8);  # ascending
    }
    operator :group {
      name @12 :Text;
      transportKey @13 :Data;  # 32
      role @14 :UInt8;
    }
    broker :group {
      endpoint @15 :Text;
      transportKeys @16 :List(Data);  # 32 each
      logKeys @17 :List(Data);  # 32 each
    }
    authorities :group {
      roots @18 :List(Data);
      threshold @19 :UInt32;
    }
  }
}

struct LocalName {
  language @0 :Text;
  name @1 :Text;
}

struct RegistryHead {
  origin @0 :Text;
  version @1 :UInt64;
  # Grows: stops the replay of an older registry.
  previous @2 :Data;  # 32
  issuedAt @3 :UInt64;
  expiresAt @4 :UInt64;
  # Stops holding a newer registry back for longer than this.
  entryCount @5 :UInt32;
  entriesRoot @6 :Data;  # 32
}

struct AuthoritySignature {
  authority @0 :Data;  # 16
  signature @1 :Data;  # 64
}

struct Snapshot {
  head @0 :Data;
  signatures @1 :List(AuthoritySignature);
  entries @2 :List(Data);
  # Ascending bytewise: one set of entries has one root.
}

# ---- frames -------------------------------------------------------------------------------------

struct Frame {
  union {
    hello @0 :Hello;
    submitBatch @1 :Data;
    submitRecord @2 :SignedRecord;
    submitSnapshot @3 :SnapshotOutline;
    acknowledge @4 :Acknowledge;
    askAgain @5 :AskAgain;
    fetchDirectory @6 :UInt64;  # from this line on
    fetchRecords @7 :Data;  # n x 32
    fetchSnapshot @8 :Data;  # 32
    fetchEntries @9 :Data;  # n x 32
    fetchInclusion @10 :FetchInclusion;
    fetchCheckpoint @11 :UInt64;  # size to prove consistency from
    ping @12 :UInt64;
    operatorQuery @13 :OperatorQuery;
    welcome @14 :Welcome;
    batchAccepted @15 :BatchAccepted;
    batchRefused @16 :BatchRefused;
    recordAnswer @17 :RecordAnswer;
    deliverSlice @18 :DeliverSlice;
    directoryLines @19 :DirectoryLines;
    records @20 :List(SignedRecord);
    snapshotHead @21 :SnapshotOutline;
    entries @22 :List(Data);
    checkpoint @23 :Checkpoint;
    inclusion @24 :Inclusion;
    pong @25 :Pong;
    fault @26 :UInt8;
    # The code alone: a detail would tell a prober what the broker looked at.
    operatorReport @27 :Report;
  }
}

struct CursorSlot {
  # One per lane, most urgent first.
  present @0 :Bool;
  index @1 :UInt64;
  leaf @2 :UInt32;
}

struct StreamHead {
  stream @0 :UInt64;
  sequence @1 :UInt64;
  batch @2 :Data;  # 32
}

struct Hello {
  versions @0 :List(UInt16);
  suites @1 :List(UInt16);  # a reader passes over those it does not know
  frameBytesMax @2 :UInt32;
  note @3 :Text;
  # The newest checkpoint held: a broker that signed it and cannot extend it has forked or lost.
  directoryCount @4 :UInt64;
  cursors @5 :List(CursorSlot);
  creditBytes @6 :UInt64;
  # A total, not a difference: a repeated or lost frame cannot inflate it.
  streams @7 :List(UInt64);
}

struct SnapshotOutline {
  head @0 :Data;
  signatures @1 :List(AuthoritySignature);
  entries @2 :Data;  # n x 32
}

struct Acknowledge {
  cursors @0 :List(CursorSlot);
  creditBytes @1 :UInt64;
}

struct AskAgain {
  lane @0 :UInt8;
  from @1 :CursorSlot;
  to @2 :CursorSlot;
  sender @3 :Text;  # of one stream only: whose; empty: of all
  stream @4 :UInt64;
}

struct FetchInclusion {
  indexes @0 :List(UInt64);  # ascending
  size @1 :UInt64;
}

struct OperatorQuery {
  kind @0 :UInt8;
  message @1 :Data;  # 16
}

struct Welcome {
  version @0 :UInt16;
  suite @1 :UInt16;
  origin @2 :Text;
  brokerTime @3 :UInt64;
  directory @4 :DirectoryPosition;
  streams @5 :List(StreamHead);
}

struct Refusal {
  leaf @0 :UInt16;
  place @1 :UInt8;
  code @2 :UInt8;
}

struct BatchAccepted {
  stream @0 :UInt64;
  sequence @1 :UInt64;
  batch @2 :Data;  # 32
  index @3 :UInt64;
  acceptedAt @4 :UInt64;
  refusals @5 :List(Refusal);
}

struct BatchRefused {
  stream @0 :UInt64;
  sequence @1 :UInt64;
  batch @2 :Data;  # 32
  code @3 :UInt8;
  head @4 :StreamHead;
}

struct RecordAnswer {
  signedHash @0 :Data;  # 32
  refused @1 :UInt8;  # 0: logged
  index @2 :UInt64;
}

struct Stub {
  leaf @0 :UInt16;
  reason @1 :UInt8;
}

struct DeliverSlice {
  lane @0 :UInt8;
  index @1 :UInt64;
  acceptedAt @2 :UInt64;
  stubs @3 :List(Stub);
  slice @4 :Data;
  again @5 :Bool;
}

struct DirectoryLine {
  index @0 :UInt64;
  acceptedAt @1 :UInt64;
  type @2 :UInt8;
  agency @3 :Text;
  signedHash @4 :Data;  # 32
}

struct DirectoryLines {
  from @0 :UInt64;
  lines @1 :List(DirectoryLine);
  count @2 :UInt64;
}

struct Checkpoint {
  note @0 :Text;
  from @1 :UInt64;
  consistency @2 :Data;  # n x 32
}

struct Inclusion {
  size @0 :UInt64;
  proofs @1 :List(InclusionProof);  # ascending
}

struct InclusionProof {
  index @0 :UInt64;
  hashes @1 :Data;  # n x 32
}

struct Pong {
  token @0 :UInt64;
  brokerTime @1 :UInt64;
}

# ---- operators' reports -------------------------------------------------------------------------

struct Report {
  union {
    status @0 :StatusReport;
    flow @1 :List(FlowRow);
    waiting @2 :List(WaitingRow);
    message @3 :MessageReport;
  }
}

struct StatusReport {
  origin @0 :Text;
  brokerTime @1 :UInt64;
  startedAt @2 :UInt64;
  logEntries @3 :UInt64;
  checkpointSize @4 :UInt64;
  logBytes @5 :UInt64;
  diskFreeBytes @6 :UInt64;
  registryVersion @7 :UInt64;
  registryExpiresAt @8 :UInt64;
  agencies @9 :UInt32;
  connected @10 :UInt32;
  fault @11 :UInt8;  # 0: none
  logKeysExpireAt @12 :List(UInt64);
}

struct FlowRow {
  agency @0 :Text;
  connected @1 :Bool;
  since @2 :UInt64;
  acceptedMessages @3 :UInt64;
  acceptedBytes @4 :UInt64;
  deliveredMessages @5 :UInt64;
  deliveredBytes @6 :UInt64;
  refusedMessages @7 :UInt64;
  keysExpireAt @8 :UInt64;
}

struct WaitingLane {
  messages @0 :UInt64;
  bytes @1 :UInt64;
  oldestAcceptedAt @2 :UInt64;
}

struct WaitingRow {
  agency @0 :Text;
  connected @1 :Bool;
  lanes @2 :List(WaitingLane);  # one per lane, most urgent first
}

struct MessagePlace {
  index @0 :UInt64;
  leaf @1 :UInt32;
  acceptedAt @2 :UInt64;
  sender @3 :Text;
  recipient @4 :Text;
  kind @5 :UInt8;
  lane @6 :UInt8;
  where @7 :UInt8;
  refused @8 :UInt8;  # 0: not
}

struct MessageReport {
  message @0 :Data;  # 16
  places @1 :List(MessagePlace);
}
