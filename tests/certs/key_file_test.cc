#include "certs/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "schemas/host/posix_disk.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_randomness.h"
#include "tests/support/temporary_directory.h"

namespace keruen::certs {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr PassphraseCost kCheap{1, 8192};
constexpr std::string_view kPurpose = "identity key of kz.customs";

class KeyFileTest : public ::testing::Test {
 protected:
  static Unlock passphrase(std::string_view text) {
    return Unlock::with_passphrase(SecretBytes(bytes_of(text)));
  }
  Unlock credential(const std::string& name = "credential") {
    const auto path = (directory_ / name).string();
    if (!std::filesystem::exists(path)) {
      EXPECT_THAT(make_credential_file(disk_, path, randomness_), IsOk());
    }
    auto unlock = Unlock::with_credential_file(disk_, path);
    EXPECT_THAT(unlock, IsOk());
    return std::move(*unlock);
  }
  Result<void> save(const Unlock& unlock) {
    return save_key(disk_, path_, kPurpose, secret_, unlock, randomness_, kCheap);
  }
  Result<SecretBytes> load(const Unlock& unlock) {
    return load_key(disk_, path_, kPurpose, unlock);
  }
  std::string text() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void write(const std::string& text) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << text;
  }
  void replace(const std::string& what, const std::string& with) const {
    auto changed = text();
    const auto place = changed.find(what);
    ASSERT_NE(place, std::string::npos);
    write(changed.replace(place, what.size(), with));
  }

  TemporaryDirectory directory_;
  host::PosixDisk disk_;
  SeededRandomness randomness_{7};
  Bytes secret_ = Bytes(32, 0xab);
  std::string path_ = (directory_ / "identity.key").string();
};

TEST_F(KeyFileTest, OpensWithItsPassphrase) {
  ASSERT_THAT(save(passphrase("korm kerek")), IsOk());
  KERUEN_ASSERT_OK(const auto loaded, load(passphrase("korm kerek")));
  EXPECT_TRUE(equal(loaded.view(), secret_));
}

TEST_F(KeyFileTest, OpensWithItsCredential) {
  ASSERT_THAT(save(credential()), IsOk());
  KERUEN_ASSERT_OK(const auto loaded, load(credential().duplicate()));
  EXPECT_TRUE(equal(loaded.view(), secret_));
}

TEST_F(KeyFileTest, AWrongPassphraseSaysSo) {
  ASSERT_THAT(save(passphrase("right")), IsOk());
  EXPECT_THAT(load(passphrase("wrong")),
              FailsWith(ErrorCode::denied, AllOf(HasSubstr("wrong passphrase for " + path_),
                                                 Not(HasSubstr("right")))));
  EXPECT_THAT(load(passphrase("")), FailsWith(ErrorCode::denied));
}

TEST_F(KeyFileTest, AnotherCredentialSaysSo) {
  ASSERT_THAT(save(credential()), IsOk());
  EXPECT_THAT(load(credential("other")),
              FailsWith(ErrorCode::denied, HasSubstr("wrong credential file for")));
}

TEST_F(KeyFileTest, SaysWhatItOpensWith) {
  ASSERT_THAT(save(credential()), IsOk());
  EXPECT_THAT(load(passphrase("any")),
              FailsWith(ErrorCode::denied, HasSubstr("opens with its credential file")));
  std::filesystem::remove(path_);
  ASSERT_THAT(save(passphrase("any")), IsOk());
  EXPECT_THAT(load(credential()),
              FailsWith(ErrorCode::denied, HasSubstr("opens with a passphrase")));
}

TEST_F(KeyFileTest, DoesNotOpenAsAKeyOfAnotherPurpose) {
  ASSERT_THAT(save(credential()), IsOk());
  EXPECT_THAT(load_key(disk_, path_, "log key", credential()),
              FailsWith(ErrorCode::denied, HasSubstr("log key")));
  // Nor when somebody writes the other purpose into it.
  replace(std::string(kPurpose), "log key");
  EXPECT_THAT(load_key(disk_, path_, "log key", credential()), FailsWith(ErrorCode::corrupt));
}

TEST_F(KeyFileTest, NoChangedByteIsOverlooked) {
  ASSERT_THAT(save(credential()), IsOk());
  const std::string good = text();
  const auto unlock = credential();
  for (std::size_t place = 0; place < good.size(); ++place) {
    auto changed = good;
    changed[place] = changed[place] == '1' ? '2' : '1';
    write(changed);
    EXPECT_FALSE(load(unlock).has_value()) << "byte " << place;
  }
  write(good + "\n");
  EXPECT_THAT(load(unlock), FailsWith(ErrorCode::malformed));
  write(good.substr(0, good.size() / 2));
  EXPECT_THAT(load(unlock), FailsWith(ErrorCode::malformed));
  write("");
  EXPECT_THAT(load(unlock), FailsWith(ErrorCode::malformed));
}

TEST_F(KeyFileTest, RefusesAFileThatAsksForTooMuchWork) {
  ASSERT_THAT(save(passphrase("x")), IsOk());
  replace("argon2id 1 8192", "argon2id 1 68719476736");
  EXPECT_THAT(load(passphrase("x")), FailsWith(ErrorCode::too_large));
  replace("argon2id 1 68719476736", "argon2id 1000000 8192");
  EXPECT_THAT(load(passphrase("x")), FailsWith(ErrorCode::too_large));
  replace("argon2id 1000000 8192", "argon2id 1 1");
  EXPECT_THAT(load(passphrase("x")), FailsWith(ErrorCode::malformed));
  replace("argon2id 1 1", "argon2id 18446744073709551616 8192");
  EXPECT_THAT(load(passphrase("x")), FailsWith(ErrorCode::malformed));
}

TEST_F(KeyFileTest, IsNeverOverwritten) {
  ASSERT_THAT(save(credential()), IsOk());
  EXPECT_THAT(save(credential()), FailsWith(ErrorCode::duplicate, HasSubstr(path_)));
}

TEST_F(KeyFileTest, OnlyItsOwnerMayReadIt) {
  ASSERT_THAT(save(credential()), IsOk());
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat((directory_ / "credential").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(KeyFileTest, NeverHoldsTheSecretInTheClear) {
  ASSERT_THAT(save(credential()), IsOk());
  EXPECT_THAT(text(), Not(HasSubstr(to_hex(secret_))));
  EXPECT_THAT(text(), Not(HasSubstr(to_base64(secret_).substr(0, 40))));
  EXPECT_THAT(text(), HasSubstr("purpose: identity key of kz.customs\n"));
}

TEST_F(KeyFileTest, AMissingFileSaysSo) {
  EXPECT_THAT(load(passphrase("x")), FailsWith(ErrorCode::not_found, HasSubstr(path_)));
  EXPECT_THAT(Unlock::with_credential_file(disk_, path_),
              FailsWith(ErrorCode::not_found, HasSubstr("openssl rand")));
}

TEST_F(KeyFileTest, ACredentialFileOthersCanReadIsRefused) {
  const auto path = (directory_ / "credential").string();
  ASSERT_THAT(make_credential_file(disk_, path, randomness_), IsOk());
  for (const ::mode_t mode : {0640, 0604, 0660, 0644}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_THAT(Unlock::with_credential_file(disk_, path),
                FailsWith(ErrorCode::denied, HasSubstr("chmod 600 " + path)));
  }
  ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
  EXPECT_THAT(Unlock::with_credential_file(disk_, path), IsOk());
}

TEST_F(KeyFileTest, ACredentialFileHoldsAtLeast32Bytes) {
  const auto path = (directory_ / "short").string();
  std::ofstream(path) << std::string(31, 'x') << "\n\n";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_THAT(Unlock::with_credential_file(disk_, path), FailsWith(ErrorCode::malformed));
}

TEST_F(KeyFileTest, ACredentialFileIsNeverOverwritten) {
  const auto path = (directory_ / "credential").string();
  ASSERT_THAT(make_credential_file(disk_, path, randomness_), IsOk());
  EXPECT_THAT(make_credential_file(disk_, path, randomness_), FailsWith(ErrorCode::duplicate));
}

TEST_F(KeyFileTest, RowsOpenWithTheirKeyAtTheirPlaceOnly) {
  SecretBytes key(32);
  randomness_.fill(key.writable());
  SecretBytes other(32);
  randomness_.fill(other.writable());
  const Bytes sealed = seal_row(key, bytes_of("outbox 1"), bytes_of("hello"), randomness_);
  KERUEN_ASSERT_OK(const auto plain, open_row(key, bytes_of("outbox 1"), sealed));
  EXPECT_EQ(text_of(plain), "hello");
  EXPECT_THAT(open_row(key, bytes_of("outbox 2"), sealed), FailsWith(ErrorCode::bad_signature));
  EXPECT_THAT(open_row(other, bytes_of("outbox 1"), sealed), FailsWith(ErrorCode::bad_signature));
  for (std::size_t place = 0; place < sealed.size(); ++place) {
    Bytes changed = sealed;
    changed[place] ^= 1;
    EXPECT_THAT(open_row(key, bytes_of("outbox 1"), changed), FailsWith(ErrorCode::bad_signature));
  }
  EXPECT_THAT(open_row(key, bytes_of("outbox 1"), BytesView(sealed).first(39)),
              FailsWith(ErrorCode::bad_signature));
  EXPECT_NE(sealed, seal_row(key, bytes_of("outbox 1"), bytes_of("hello"), randomness_));
}

}  // namespace
}  // namespace keruen::certs
