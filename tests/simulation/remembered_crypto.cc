// The two libraries' pure functions, answering from memory what they were asked before.
// Threads: one.
//
// Every run begins with the same keys, certificates and registry, and every seed is run twice: nine
// tenths of all signatures, key agreements and certificates of a run were computed before, and they
// were nine tenths of its time. Each answer comes from the real library, once for each set of
// arguments; the arguments are known by their XXH3-128. Nothing else is changed: what a function of
// its arguments alone answers twice is the same twice, and a signature verifies under the key it
// was made with (RFC 8032).
#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "schemas/bytes.h"
#include "schemas/error.h"

namespace {

using keruen::BytesView;

constexpr std::size_t kAnswersMax = 300'000;  // about 60 MB
constexpr std::size_t kAnswerBytesMax = 96;

struct Answer {
  int code = 0;
  std::array<std::uint8_t, kAnswerBytesMax> bytes{};
};
struct Question {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Question&) const = default;
};
struct HashOfQuestion {
  std::size_t operator()(const Question& question) const { return question.low; }
};

template <class Function>
Function* library_function(const char* name) {
  auto* found = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
  keruen::ensure(found != nullptr, "the library has the function");
  return found;
}

Question question_of(std::uint8_t function, std::initializer_list<BytesView> arguments) {
  static std::vector<std::uint8_t> text;  // kept for its memory
  text.assign(1, function);
  for (const BytesView& argument : arguments) {
    // The length keeps two neighbours from sliding into each other.
    const std::uint64_t size = argument.size();
    const auto* const size_bytes = reinterpret_cast<const std::uint8_t*>(&size);
    text.insert(text.end(), size_bytes, size_bytes + sizeof size);
    text.insert(text.end(), argument.begin(), argument.end());
  }
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return {hash.high64, hash.low64};
}

using Answers = std::unordered_map<Question, Answer, HashOfQuestion>;

Answers& all_answers() {
  static Answers answers;
  return answers;
}

// The remembered answer, or the one that `compute` gives now; until the next question.
template <class Compute>
const Answer& remember(const Question& question, Compute&& compute) {
  Answers& answers = all_answers();
  if (const auto known = answers.find(question); known != answers.end()) return known->second;
  if (answers.size() >= kAnswersMax) answers.clear();
  Answer& answer = answers[question];
  compute(answer);
  return answer;
}

Question verification_of(const unsigned char* signature, const unsigned char* message,
                         unsigned long long size, const unsigned char* key) {
  return question_of(1, {{signature, crypto_sign_ed25519_BYTES},
                         {message, static_cast<std::size_t>(size)},
                         {key, crypto_sign_ed25519_PUBLICKEYBYTES}});
}

// A certificate that was parsed is kept for ever and handed out again; there are four of them. Its
// address is its name then, and what it is when it is encoded again is known.
class KeptCertificates {
 public:
  [[nodiscard]] X509* find(const Question& bytes) const {
    const auto known = by_bytes_.find(bytes);
    return known == by_bytes_.end() ? nullptr : known->second;
  }
  void keep(const Question& bytes, X509* certificate, keruen::Bytes encoding) {
    X509_up_ref(certificate);
    by_bytes_[bytes] = certificate;
    encodings_[certificate] = std::move(encoding);
  }
  // Null: it is not one of them.
  [[nodiscard]] const keruen::Bytes* encoding_of(const X509* certificate) const {
    const auto known = encodings_.find(certificate);
    return known == encodings_.end() ? nullptr : &known->second;
  }

 private:
  std::unordered_map<Question, X509*, HashOfQuestion> by_bytes_;
  std::unordered_map<const X509*, keruen::Bytes> encodings_;
};

KeptCertificates& kept_certificates() {
  // Never taken down: at the end of the process OpenSSL may be gone before it.
  static auto& kept = *new KeptCertificates;
  return kept;
}

}  // namespace

extern "C" {

int crypto_sign_ed25519_verify_detached(const unsigned char* signature,
                                        const unsigned char* message, unsigned long long size,
                                        const unsigned char* key) {
  static auto* const real =
      library_function<decltype(crypto_sign_ed25519_verify_detached)>(__func__);
  return remember(verification_of(signature, message, size, key),
                  [&](Answer& answer) { answer.code = real(signature, message, size, key); })
      .code;
}

int crypto_sign_ed25519_detached(unsigned char* signature, unsigned long long* signature_size,
                                 const unsigned char* message, unsigned long long size,
                                 const unsigned char* key) {
  static auto* const real = library_function<decltype(crypto_sign_ed25519_detached)>(__func__);
  const auto question = question_of(
      2, {{message, static_cast<std::size_t>(size)}, {key, crypto_sign_ed25519_SECRETKEYBYTES}});
  const Answer& answer = remember(question, [&](Answer& made) {
    made.code = real(made.bytes.data(), nullptr, message, size, key);
  });
  std::memcpy(signature, answer.bytes.data(), crypto_sign_ed25519_BYTES);
  if (signature_size != nullptr) *signature_size = crypto_sign_ed25519_BYTES;
  const int code = answer.code;
  // The public key is the end of the secret one.
  if (code == 0) {
    remember(verification_of(signature, message, size, key + crypto_sign_ed25519_SEEDBYTES),
             [](Answer& made) { made.code = 0; });
  }
  return code;
}

int crypto_sign_ed25519_seed_keypair(unsigned char* public_key, unsigned char* secret_key,
                                     const unsigned char* seed) {
  static auto* const real = library_function<decltype(crypto_sign_ed25519_seed_keypair)>(__func__);
  static_assert(crypto_sign_ed25519_PUBLICKEYBYTES + crypto_sign_ed25519_SECRETKEYBYTES <=
                kAnswerBytesMax);
  const Answer& answer =
      remember(question_of(3, {{seed, crypto_sign_ed25519_SEEDBYTES}}), [&](Answer& made) {
        made.code =
            real(made.bytes.data() + crypto_sign_ed25519_SECRETKEYBYTES, made.bytes.data(), seed);
      });
  std::memcpy(secret_key, answer.bytes.data(), crypto_sign_ed25519_SECRETKEYBYTES);
  std::memcpy(public_key, answer.bytes.data() + crypto_sign_ed25519_SECRETKEYBYTES,
              crypto_sign_ed25519_PUBLICKEYBYTES);
  return answer.code;
}

int crypto_scalarmult_curve25519(unsigned char* product, const unsigned char* scalar,
                                 const unsigned char* point) {
  static auto* const real = library_function<decltype(crypto_scalarmult_curve25519)>(__func__);
  const auto question = question_of(4, {{scalar, crypto_scalarmult_curve25519_SCALARBYTES},
                                        {point, crypto_scalarmult_curve25519_BYTES}});
  const Answer& answer =
      remember(question, [&](Answer& made) { made.code = real(made.bytes.data(), scalar, point); });
  std::memcpy(product, answer.bytes.data(), crypto_scalarmult_curve25519_BYTES);
  return answer.code;
}

int crypto_scalarmult_curve25519_base(unsigned char* product, const unsigned char* scalar) {
  static auto* const real = library_function<decltype(crypto_scalarmult_curve25519_base)>(__func__);
  const Answer& answer =
      remember(question_of(5, {{scalar, crypto_scalarmult_curve25519_SCALARBYTES}}),
               [&](Answer& made) { made.code = real(made.bytes.data(), scalar); });
  std::memcpy(product, answer.bytes.data(), crypto_scalarmult_curve25519_BYTES);
  return answer.code;
}

X509* d2i_X509(X509** target, const unsigned char** bytes, long size) {
  static auto* const real = library_function<decltype(d2i_X509)>(__func__);
  if (target != nullptr || size < 0) return real(target, bytes, size);
  const BytesView whole(*bytes, static_cast<std::size_t>(size));
  const auto question = question_of(6, {whole});
  if (X509* known = kept_certificates().find(question); known != nullptr) {
    // Only what was parsed to its end is kept.
    *bytes += size;
    X509_up_ref(known);
    return known;
  }
  X509* certificate = real(nullptr, bytes, size);
  if (certificate == nullptr || *bytes != whole.data() + whole.size()) return certificate;
  const int encoded_size = i2d_X509(certificate, nullptr);
  if (encoded_size <= 0) return certificate;
  keruen::Bytes encoding(static_cast<std::size_t>(encoded_size));
  unsigned char* end = encoding.data();
  if (i2d_X509(certificate, &end) == encoded_size) {
    kept_certificates().keep(question, certificate, std::move(encoding));
  }
  return certificate;
}

int i2d_X509(const X509* certificate, unsigned char** target) {
  static auto* const real = library_function<decltype(i2d_X509)>(__func__);
  const keruen::Bytes* encoding = kept_certificates().encoding_of(certificate);
  if (encoding == nullptr || target == nullptr) return real(certificate, target);
  // Where the caller brings no memory it is given some; else its place moves on.
  // Source: d2i_X509(3).
  const bool brings_memory = *target != nullptr;
  if (!brings_memory) *target = static_cast<unsigned char*>(OPENSSL_malloc(encoding->size()));
  unsigned char* const end = std::ranges::copy(*encoding, *target).out;
  if (brings_memory) *target = end;
  return static_cast<int>(encoding->size());
}

int X509_verify(X509* certificate, EVP_PKEY* key) {
  static auto* const real = library_function<decltype(X509_verify)>(__func__);
  std::array<std::uint8_t, 64> key_bytes{};
  std::size_t key_size = key_bytes.size();
  const keruen::Bytes* encoding = kept_certificates().encoding_of(certificate);
  if (encoding == nullptr || EVP_PKEY_get_raw_public_key(key, key_bytes.data(), &key_size) != 1) {
    return real(certificate, key);
  }
  const auto question = question_of(7, {*encoding, {key_bytes.data(), key_size}});
  return remember(question, [&](Answer& answer) { answer.code = real(certificate, key); }).code;
}

}  // extern "C"
