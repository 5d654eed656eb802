// What sealing, opening and verifying cost per message of 1 KiB, on one core.
#include <benchmark/benchmark.h>

#include "certs/hash.h"
#include "tests/support/sealing_party.h"

namespace keruen {
namespace {

constexpr std::size_t kContentBytes = 1024;
constexpr std::size_t kLeaves = 128;

struct Parties {
  certs::SystemRandomness randomness;
  Origin origin = *Origin::parse("kz.exchange");
  SealingParty sender{"kz.border-guard", randomness};
  SealingParty recipient{"kz.customs", randomness};
  certs::Sealer sealer{sender.id, randomness};
  Bytes content = Bytes(kContentBytes, 'x');

  [[nodiscard]] certs::SealedMessage seal() {
    return *sealer.seal(seal_input(sender, {&recipient}, randomness), content, kSealingNow);
  }
  [[nodiscard]] certs::SignedBatch batch() {
    std::vector<wire::Leaf> leaves;
    std::vector<Digest> hashes;
    for (std::size_t i = 0; i < kLeaves; ++i) {
      auto sealed = seal();
      leaves.push_back({0, std::move(sealed.leaf)});
      hashes.push_back(sealed.leaf_hash);
    }
    return sign_leaves(sender, origin, std::move(leaves), hashes);
  }
};

void per_message(benchmark::State& state, std::size_t messages = 1) {
  state.SetItemsProcessed(static_cast<std::int64_t>(messages) * state.iterations());
}

void hash(benchmark::State& state) {
  const Bytes bytes(kContentBytes);
  for (auto _ : state) benchmark::DoNotOptimize(certs::sha256(bytes));
  per_message(state);
}
BENCHMARK(hash);

void seal(benchmark::State& state) {
  Parties parties;
  const auto input = seal_input(parties.sender, {&parties.recipient}, parties.randomness);
  for (auto _ : state) {
    benchmark::DoNotOptimize(parties.sealer.seal(input, parties.content, kSealingNow));
  }
  per_message(state);
}
BENCHMARK(seal);

void seal_with_a_new_channel(benchmark::State& state) {
  Parties parties;
  const auto input = seal_input(parties.sender, {&parties.recipient}, parties.randomness);
  for (auto _ : state) {
    certs::Sealer sealer(parties.sender.id, parties.randomness);
    benchmark::DoNotOptimize(sealer.seal(input, parties.content, kSealingNow));
  }
  per_message(state);
}
BENCHMARK(seal_with_a_new_channel);

void open(benchmark::State& state) {
  Parties parties;
  const auto sealed = parties.seal();
  const auto header = *wire::decode_header(sealed.leaf.header.view());
  PartyOpener opener(parties.recipient);
  for (auto _ : state) benchmark::DoNotOptimize(opener.open(header, sealed.leaf, 0));
  per_message(state);
}
BENCHMARK(open);

void open_on_a_new_channel(benchmark::State& state) {
  Parties parties;
  const auto sealed = parties.seal();
  const auto header = *wire::decode_header(sealed.leaf.header.view());
  for (auto _ : state) {
    PartyOpener opener(parties.recipient);
    benchmark::DoNotOptimize(opener.open(header, sealed.leaf, 0));
  }
  per_message(state);
}
BENCHMARK(open_on_a_new_channel);

void sign_batch(benchmark::State& state) {
  Parties parties;
  const auto signed_batch = parties.batch();
  std::vector<Digest> hashes;
  for (const auto& leaf : signed_batch.batch.leaves) {
    hashes.push_back(
        certs::leaf_hash_of(std::get<wire::MessageLeaf>(leaf.content), {parties.recipient.id}));
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        sign_leaves(parties.sender, parties.origin, signed_batch.batch.leaves, hashes));
  }
  per_message(state, kLeaves);
}
BENCHMARK(sign_batch);

void decode_batch(benchmark::State& state) {
  Parties parties;
  const SharedBytes bytes(wire::encode_batch(parties.batch().batch));
  for (auto _ : state) benchmark::DoNotOptimize(wire::decode_batch(bytes));
  per_message(state, kLeaves);
}
BENCHMARK(decode_batch);

void verify_batch(benchmark::State& state) {
  Parties parties;
  const auto batch = parties.batch().batch;
  const auto keys = knows(parties.sender);
  for (auto _ : state) {
    benchmark::DoNotOptimize(certs::verify_batch(batch, parties.origin, keys));
  }
  per_message(state, kLeaves);
}
BENCHMARK(verify_batch);

void cut_slice(benchmark::State& state) {
  Parties parties;
  const auto whole =
      *certs::verify_batch(parties.batch().batch, parties.origin, knows(parties.sender));
  std::vector<certs::SliceLeaf> every_other;
  for (std::uint32_t i = 0; i < kLeaves; i += 2) every_other.push_back({i});
  for (auto _ : state) {
    benchmark::DoNotOptimize(certs::cut_slice(whole, parties.recipient.id, every_other));
  }
  per_message(state, kLeaves / 2);
}
BENCHMARK(cut_slice);

}  // namespace
}  // namespace keruen
