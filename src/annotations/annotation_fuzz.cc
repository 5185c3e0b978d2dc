// SPDX-License-Identifier: Apache-2.0
// Fuzzes every reader of annotations: any text is refused with a message and a remedy, or becomes a
// value that survives being written and read again.
#include <cstdint>
#include <cstdlib>

#include "annotations/handshake.h"
#include "annotations/node_lock.h"
#include "annotations/partition_allocations.h"
#include "annotations/pod_devices.h"
#include "annotations/registration.h"

namespace {

using melon::annotations::decode_registration;
using melon::vendors::RegistrationFormat;

template <class T>
bool refused_well(const melon::Result<T>& result) {
  if (result) return false;
  if (result.error().message.empty() || result.error().remedy.empty()) std::abort();
  return true;
}

void fuzz_registrations(std::string_view text) {
  for (const auto& known : melon::vendors::Words<RegistrationFormat>::kAll) {
    const auto devices = decode_registration(known.first, text);
    if (refused_well(devices)) continue;
    const auto written =
        melon::annotations::encode_registration(RegistrationFormat::kJson, *devices);
    if (!written || !decode_registration(RegistrationFormat::kJson, *written)) std::abort();
  }
}

void fuzz_pod_devices(std::string_view text) {
  constexpr auto kOwn = melon::vendors::Compatibility::kNone;
  const auto devices = melon::annotations::decode_pod_devices(text, kOwn);
  if (refused_well(devices)) return;
  const auto again = melon::annotations::decode_pod_devices(
      melon::annotations::encode_pod_devices(*devices), kOwn);
  if (!again || *again != *devices) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz_registrations(text);
  fuzz_pod_devices(text);
  const auto partitions = melon::annotations::decode_partition_allocations(text);
  if (!refused_well(partitions)) {
    const auto again = melon::annotations::decode_partition_allocations(
        melon::annotations::encode_partition_allocations(*partitions));
    if (!again) std::abort();
  }
  (void)melon::annotations::decode_node_lock(text);
  (void)melon::annotations::decode_mig_instance(text);
  (void)melon::annotations::decode_link_scores(text);
  (void)melon::annotations::decode_score_table(text);
  (void)melon::annotations::judge_handshake(std::string(text), 0, {.unix_seconds = 1'000'000'000});
  return 0;
}
