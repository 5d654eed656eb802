// A record is judged by the directory as it stands before the record's own line: the same for the
// broker that logs it and for every agent that reads it later. Where the broker looks at its clock,
// an agent looks at the line's acceptedAt, with kClockAheadMax to spare on both sides, since the
// moment a record was judged and the moment it was logged may lie apart.
//
// What cannot become valid by anything supplied later is never asked for again; a bad signature
// can: the line names the signed bytes, not the signature, and the copy at hand may be the damaged
// one.
#include <algorithm>

#include "certs/directory_state.h"
#include "certs/hash.h"

namespace keruen::certs {
namespace {

// Bounds what a stolen key can place into the future. Agents delegate 90 days ahead, and log a
// transport key as it begins; their clocks may be off by a day.
constexpr std::chrono::hours kDelegatedAheadMax{120 * 24};
constexpr std::chrono::hours kTransportKeyAheadMax{24};

}  // namespace

Result<wire::KeyRecord> Directory::State::judge(const wire::SignedRecord& record,
                                                const Moment& moment) const {
  KERUEN_TRY(auto decoded, wire::decode_key_record(record.body));
  const AgencyId& id = wire::agency_of(decoded);
  if (wire::origin_of(decoded) != origin) {
    return fail(ErrorCode::denied, "the key record of " + id.text() + " is for the exchange " +
                                       wire::origin_of(decoded).text() + ", not for " +
                                       origin.text());
  }
  const auto registry = registry_before(moment.at);
  const Agency* agency = registry ? registry->agency(id) : nullptr;
  if (agency == nullptr) {
    return fail(ErrorCode::unknown_agency,
                "the key record is of " + id.text() + ", which no registry in force lists");
  }
  if (!registry->is_active(id)) {
    return fail(ErrorCode::denied, id.text() + " is suspended; the authority must resume it first");
  }
  KERUEN_CHECK(check_key_life(decoded));
  if (const auto* delegation = std::get_if<wire::Delegation>(&decoded)) {
    KERUEN_CHECK(verify_key_record(record, agency->certificate.public_key));
    KERUEN_CHECK(judge_delegation(*delegation, *agency, moment));
  } else if (const auto* transport = std::get_if<wire::TransportRecord>(&decoded)) {
    KERUEN_CHECK(judge_signer(record, id, transport->signed_by, moment));
    KERUEN_CHECK(judge_transport(*transport, moment));
  } else if (const auto* prekey = std::get_if<wire::Prekey>(&decoded)) {
    KERUEN_CHECK(judge_signer(record, id, prekey->signed_by, moment));
    KERUEN_CHECK(judge_prekey(*prekey, moment));
  } else {
    KERUEN_CHECK(verify_key_record(record, agency->certificate.public_key));
  }
  return decoded;
}

Result<void> Directory::State::judge_delegation(const wire::Delegation& delegation,
                                                const Agency& agency, const Moment& moment) const {
  if (!moment.lies_in(agency.certificate.valid_from, agency.certificate.valid_until)) {
    return fail(ErrorCode::expired, "the certificate of " + delegation.agency.text() +
                                        " is not valid now; ask the authority for a new one");
  }
  if (!moment.is_before(delegation.valid_until)) {
    return fail(ErrorCode::expired, "the signing key of " + delegation.agency.text() +
                                        " is delegated until a time past");
  }
  if (delegation.valid_from > moment.clock + kDelegatedAheadMax) {
    return fail(ErrorCode::malformed, "the signing key of " + delegation.agency.text() +
                                          " begins too far ahead; delegate it later");
  }
  return {};
}

Result<void> Directory::State::judge_signer(const wire::SignedRecord& record,
                                            const AgencyId& agency, const KeyId& signed_by,
                                            const Moment& moment) const {
  const AgencyKeys* keys = keys_of(agency);
  const auto signer = keys == nullptr ? std::nullopt : keys->signing_key(signed_by);
  if (!signer || signer->logged_at >= moment.at) {
    return fail(ErrorCode::not_found, "the signing key " + signed_by.hex() + " of " +
                                          agency.text() +
                                          " was never logged; log its delegation first");
  }
  KERUEN_CHECK(verify_key_record(record, signer->key));
  if (!signer->in_force(moment.at)) {
    return fail(ErrorCode::expired, "the signing key " + signed_by.hex() + " of " + agency.text() +
                                        " was revoked; sign with another one");
  }
  if (!moment.lies_in(signer->valid_from, signer->valid_until)) {
    return fail(ErrorCode::expired, "the signing key " + signed_by.hex() + " of " + agency.text() +
                                        " is not valid now; sign with the one that is");
  }
  return {};
}

Result<void> Directory::State::judge_transport(const wire::TransportRecord& transport,
                                               const Moment& moment) const {
  if (!moment.is_before(transport.valid_until)) {
    return fail(ErrorCode::expired,
                "the transport key of " + transport.agency.text() + " is valid until a time past");
  }
  // It opens connections from now on, whenever it is said to begin.
  if (transport.valid_from > moment.clock + kTransportKeyAheadMax) {
    return fail(ErrorCode::malformed, "the transport key of " + transport.agency.text() +
                                          " begins too far ahead; log it later");
  }
  return {};
}

Result<void> Directory::State::judge_prekey(const wire::Prekey& prekey,
                                            const Moment& moment) const {
  if (!moment.is_before(prekey.window_until)) {
    return fail(ErrorCode::expired,
                "the window of the prekey of " + prekey.agency.text() + " is over");
  }
  // One member's useless key would keep a message to the whole group from being sealed.
  if (!is_usable(prekey.prekey)) {
    return fail(ErrorCode::malformed, "the prekey of " + prekey.agency.text() +
                                          " is a point of small order, with which nothing can be "
                                          "sealed; publish another");
  }
  // Bounds what a stolen signing key can place into the future.
  if (prekey.window_from > moment.clock + kPrekeysAhead + kPrekeyWindow) {
    return fail(ErrorCode::malformed, "the prekey of " + prekey.agency.text() +
                                          " begins too far ahead; publish it later");
  }
  return {};
}

// Keys never change and never come back: one id, one line.
Result<void> Directory::State::judge_new(const wire::KeyRecord& record) const {
  const AgencyId& agency = wire::agency_of(record);
  const AgencyKeys* keys = keys_of(agency);
  if (const auto* revocation = std::get_if<wire::Revocation>(&record)) {
    if (keys == nullptr || !keys->knows(revocation->revoked)) {
      return fail(ErrorCode::not_found, agency.text() + " has no key " + revocation->revoked.hex() +
                                            " in the directory; nothing is revoked");
    }
    if (!keys->revoked_at(revocation->revoked)) return {};
    return fail(ErrorCode::duplicate,
                "the key " + revocation->revoked.hex() + " is already revoked");
  }
  KeyId id;
  if (const auto* delegation = std::get_if<wire::Delegation>(&record)) {
    id = key_id_of(delegation->signing_key);
  } else if (const auto* transport = std::get_if<wire::TransportRecord>(&record)) {
    id = key_id_of(transport->transport_key);
    const auto holder = transport_holders.find(id);
    if (holder != transport_holders.end() && holder->second != agency) {
      return fail(ErrorCode::denied,
                  "the transport key " + id.hex() + " belongs to another agency");
    }
  } else {
    id = key_id_of(std::get<wire::Prekey>(record).prekey);
  }
  if (keys == nullptr || !keys->knows(id)) return {};
  return fail(ErrorCode::duplicate,
              "the key " + id.hex() + " of " + agency.text() + " is already in the directory");
}

Result<std::shared_ptr<const Registry>> Directory::State::judge(
    const wire::UnverifiedSnapshot& snapshot, const Registry* before) const {
  // Who must sign the next registry is what the one in force says; the first one is signed by
  // those handed in.
  KERUEN_TRY(auto registry, verify_snapshot(snapshot, origin,
                                            before != nullptr ? before->authorities() : trusted));
  if (before != nullptr) KERUEN_CHECK(check_follows(*registry, *before));
  return registry;
}

// Registries before a line decide who may have written it; delegations before it, who signed it.
Result<void> Directory::State::check_can_be_judged(std::size_t number) const {
  if (!missing_registries.empty() && *missing_registries.begin() < number) {
    return fail(ErrorCode::not_found,
                described(lines[number]) + ": the registry at log index " +
                    std::to_string(lines[*missing_registries.begin()].index.value) +
                    " must be supplied first");
  }
  const auto type = lines[number].type;
  if (type != wire::DirectoryType::transport && type != wire::DirectoryType::prekey) return {};
  const auto found = missing_delegations.find(lines[number].agency);
  if (found != missing_delegations.end() && !found->second.empty() &&
      *found->second.begin() < number) {
    return fail(ErrorCode::not_found,
                described(lines[number]) + ": the delegation at log index " +
                    std::to_string(lines[*found->second.begin()].index.value) +
                    " must be supplied first");
  }
  return {};
}

}  // namespace keruen::certs
