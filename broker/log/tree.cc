#include "broker/log/tree.h"

#include <algorithm>
#include <bit>

namespace keruen::log {
namespace {

constexpr std::size_t kNodeBytes = Digest::kBytes;
constexpr std::size_t kWriteBytesMax = 1024 * 1024;

// How many nodes a tree of `leaves` completes.
std::uint64_t nodes_of(std::uint64_t leaves) {
  return 2 * leaves - static_cast<std::uint64_t>(std::popcount(leaves));
}

// The leaf, then every subtree it completes.
void append_nodes(std::vector<Digest>& nodes, certs::MerkleFrontier& frontier,
                  const Digest& leaf_hash) {
  nodes.push_back(leaf_hash);
  const auto& peaks = frontier.peaks();
  Digest node = leaf_hash;
  const std::uint64_t size = frontier.size().value;
  for (unsigned level = 0; (size >> level & 1) != 0; ++level) {
    node = certs::merkle_node_hash(peaks[peaks.size() - 1 - level], node);
    nodes.push_back(node);
  }
  frontier.append(leaf_hash);
}

Result<void> write_nodes(host::File& file, std::uint64_t place, const std::vector<Digest>& nodes) {
  Bytes buffer;
  for (std::size_t done = 0; done < nodes.size();) {
    const std::size_t count = std::min(nodes.size() - done, kWriteBytesMax / kNodeBytes);
    buffer.clear();
    for (std::size_t i = 0; i < count; ++i) append_to(buffer, nodes[done + i].view());
    KERUEN_CHECK(file.write((place + done) * kNodeBytes, buffer));
    done += count;
  }
  return {};
}

Result<Digest> read_node(const host::File& file, std::uint64_t place) {
  Digest node;
  KERUEN_TRY(const std::size_t read, file.read(place * kNodeBytes, node.bytes));
  if (read != kNodeBytes) return fail(ErrorCode::corrupt, "the file is too short");
  return node;
}

// Whether the file leads to this frontier: its peaks are in their places.
Result<bool> leads_to(const host::File& file, const certs::MerkleFrontier& frontier) {
  const std::uint64_t size = frontier.size().value;
  KERUEN_TRY(const std::uint64_t file_bytes, file.size());
  if (file_bytes < nodes_of(size) * kNodeBytes) return false;
  std::uint64_t covered = 0;
  for (const Digest& peak : frontier.peaks()) {
    const auto level = static_cast<unsigned>(std::bit_width(size - covered) - 1);
    covered += std::uint64_t{1} << level;
    KERUEN_TRY(const Digest found, read_node(file, nodes_of(covered - 1) + level));
    if (found != peak) return false;
  }
  return true;
}

Result<std::unique_ptr<host::File>> open_existing(host::Disk& disk, const std::string& path,
                                                  const certs::MerkleFrontier& stored) {
  KERUEN_TRY(const bool is_there, host::exists(disk, path));
  if (!is_there) return std::unique_ptr<host::File>();
  KERUEN_TRY(auto file, disk.open_write(path));
  KERUEN_TRY(const bool fits, leads_to(*file, stored));
  return fits ? std::move(file) : std::unique_ptr<host::File>();
}

Result<void> write_from_leaves(host::File& file, const certs::MerkleFrontier& expected,
                               const Tree::LeafSource& leaves) {
  certs::MerkleFrontier frontier;
  std::vector<Digest> nodes;
  std::uint64_t written = 0;
  Result<void> outcome;
  const auto write = [&] {
    if (outcome) outcome = write_nodes(file, written, nodes);
    written += nodes.size();
    nodes.clear();
  };
  KERUEN_CHECK(leaves([&](const Digest& leaf_hash) {
    append_nodes(nodes, frontier, leaf_hash);
    if (nodes.size() >= kWriteBytesMax / kNodeBytes) write();
  }));
  write();
  KERUEN_CHECK(outcome);
  if (frontier != expected) {
    return fail(ErrorCode::corrupt,
                "the records of the segments do not lead to the tree in the last segment's head");
  }
  return file.sync();
}

// Under a name of its own until it is whole: a crash on the way leaves nothing that looks like it.
Result<std::unique_ptr<host::File>> make_again(host::Disk& disk, const std::string& path,
                                               const certs::MerkleFrontier& stored,
                                               const Tree::LeafSource& leaves) {
  const std::string unfinished = path + ".new";
  if (auto removed = disk.remove(unfinished);
      !removed && removed.error().code != ErrorCode::not_found) {
    return fail(std::move(removed).error());
  }
  KERUEN_TRY(auto file, disk.create(unfinished));
  KERUEN_CHECK(write_from_leaves(*file, stored, leaves));
  KERUEN_CHECK(disk.rename(unfinished, path));
  KERUEN_CHECK(disk.sync_directory(host::directory_of(path)));
  return file;
}

}  // namespace

Result<std::unique_ptr<Tree>> Tree::open(host::Disk& disk, std::string path,
                                         const certs::MerkleFrontier& stored,
                                         const LeafSource& leaves) {
  KERUEN_TRY(auto file, open_existing(disk, path, stored));
  if (!file) {
    KERUEN_TRY(file, make_again(disk, path, stored, leaves));
  }
  return std::unique_ptr<Tree>(new Tree(std::move(path), std::move(file), stored));
}

Tree::Tree(std::string path, std::unique_ptr<host::File> file, certs::MerkleFrontier stored)
    : path_(std::move(path)),
      file_(std::move(file)),
      frontier_(std::move(stored)),
      stored_nodes_(nodes_of(frontier_.size().value)) {}

void Tree::append(const Digest& leaf_hash) {
  const std::lock_guard lock(mutex_);
  append_nodes(recent_nodes_, frontier_, leaf_hash);
}

Result<void> Tree::reserve(std::uint64_t entries) {
  // Two nodes an entry, and what is in memory already.
  const std::uint64_t nodes = stored_nodes_ + recent_nodes_.size() + 2 * entries;
  return file_->preallocate(nodes * kNodeBytes);
}

Result<void> Tree::store() {
  // Only this thread changes recent_nodes_, so it may be read without the lock.
  KERUEN_CHECK(write_nodes(*file_, stored_nodes_, recent_nodes_));
  KERUEN_CHECK(file_->sync());
  const std::lock_guard lock(mutex_);
  stored_nodes_ += recent_nodes_.size();
  recent_nodes_.clear();
  return {};
}

std::uint64_t Tree::bytes_on_disk() const {
  const std::lock_guard lock(mutex_);
  return stored_nodes_ * kNodeBytes;
}

Result<Digest> Tree::node(unsigned level, std::uint64_t index) const {
  const std::uint64_t last_leaf = (index + 1) << level;
  const std::uint64_t place = nodes_of(last_leaf - 1) + level;
  {
    const std::lock_guard lock(mutex_);
    if (place >= stored_nodes_) {
      const std::uint64_t recent = place - stored_nodes_;
      ensure(recent < recent_nodes_.size(), "a node that is asked for is complete");
      return recent_nodes_[recent];
    }
  }
  auto node = read_node(*file_, place);
  if (!node) return fail(node.error().code, damaged(node.error().detail).detail);
  return node;
}

certs::MerkleNodeSource Tree::nodes() const {
  return [this](unsigned level, std::uint64_t index) { return node(level, index); };
}

Error Tree::damaged(std::string_view what) const {
  return {ErrorCode::corrupt, path_ + ": " + std::string(what) +
                                  "; it is derived data: stop the broker, delete the file, start "
                                  "again"};
}

Result<Digest> Tree::root_at(TreeSize size, const TrustedRoot& trusted) const {
  ensure(size <= trusted.size, "a tree is asked for sizes it has");
  if (size == trusted.size) return trusted.root;
  if (size.value == 0) return certs::merkle_root({});
  KERUEN_TRY(const Digest root, certs::make_root(size, nodes()));
  KERUEN_TRY(const auto proof, certs::make_consistency_proof(size, trusted.size, nodes()));
  if (!certs::check_consistency(size, root, trusted.size, trusted.root, proof)) {
    return fail(damaged("the tree of " + std::to_string(size.value) +
                        " entries does not lead to the newest"));
  }
  return root;
}

Result<std::vector<std::vector<Digest>>> Tree::inclusion_proofs(std::span<const LogIndex> indexes,
                                                                TreeSize size,
                                                                const TrustedRoot& trusted) const {
  KERUEN_TRY(const Digest root, root_at(size, trusted));
  std::vector<std::vector<Digest>> proofs;
  for (const LogIndex index : indexes) {
    ensure(index.value < size.value, "an entry is inside the tree it is proved in");
    KERUEN_TRY(const Digest leaf, node(0, index.value));
    KERUEN_TRY(auto proof, certs::make_inclusion_proof(index, size, nodes()));
    if (!certs::check_inclusion(leaf, index, size, root, proof)) {
      return fail(damaged("no proof for entry " + std::to_string(index.value)));
    }
    proofs.push_back(std::move(proof));
  }
  return proofs;
}

Result<std::vector<Digest>> Tree::consistency_proof(TreeSize from, TreeSize to,
                                                    const TrustedRoot& trusted) const {
  ensure(from <= to, "a tree grows");
  KERUEN_TRY(const Digest from_root, root_at(from, trusted));
  KERUEN_TRY(const Digest to_root, root_at(to, trusted));
  KERUEN_TRY(auto proof, certs::make_consistency_proof(from, to, nodes()));
  if (!certs::check_consistency(from, from_root, to, to_root, proof)) {
    return fail(damaged("no proof from " + std::to_string(from.value) + " to " +
                        std::to_string(to.value) + " entries"));
  }
  return proof;
}

}  // namespace keruen::log
