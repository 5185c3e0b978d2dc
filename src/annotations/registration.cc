// SPDX-License-Identifier: Apache-2.0
// Reads and writes the delimited registrations of nodes, and chooses the reader of the others.
#include "annotations/registration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "annotations/detail/registration_json.h"

namespace melon::annotations {
namespace {

constexpr std::string_view kWhat = "device registration";
constexpr std::string_view kSharedMode = "hami-core";

Result<bool> read_health(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return detail::bad_text(kWhat, fmt::format("field health '{}' is not true or false", text));
}

/// id,count,devmem,devcore,type,numa,health[,index,mode]
Result<RegisteredDevice> read_delimited(std::string_view text, std::size_t position) {
  const auto fields = detail::split(text, ',');
  if (fields.size() != 7 && fields.size() != 9)
    return detail::bad_text(
        kWhat, fmt::format("device {} has {} fields, not 7 or 9", position, fields.size()));
  RegisteredDevice device{.id = std::string(fields[0]),
                          .index = static_cast<std::int64_t>(position),
                          .type = std::string(fields[4]),
                          .mode = std::string(kSharedMode)};
  MELON_TRY(device.slots, detail::read_number(kWhat, "count", fields[1]));
  MELON_TRY(const std::int64_t memory, detail::read_number(kWhat, "devmem", fields[2]));
  device.memory = MiB(memory);
  MELON_TRY(device.compute, detail::read_number(kWhat, "devcore", fields[3]));
  MELON_TRY(device.numa, detail::read_numa(kWhat, "numa", fields[5]));
  MELON_TRY(device.healthy, read_health(fields[6]));
  if (fields.size() == 7) return device;
  MELON_TRY(device.index, detail::read_number(kWhat, "index", fields[7]));
  device.mode = fields[8];
  return device;
}

/// uuid,count,mem,type,health,mode
Result<RegisteredDevice> read_volcano(std::string_view text, std::size_t position) {
  const auto fields = detail::split(text, ',');
  if (fields.size() != 5 && fields.size() != 6)
    return detail::bad_text(
        kWhat, fmt::format("device {} has {} fields, not 5 or 6", position, fields.size()));
  RegisteredDevice device{.id = std::string(fields[0]),
                          .index = static_cast<std::int64_t>(position),
                          .compute = 100,
                          .type = std::string(fields[3]),
                          .mode = std::string(fields.size() == 6 ? fields[5] : kSharedMode)};
  MELON_TRY(device.slots, detail::read_number(kWhat, "count", fields[1]));
  MELON_TRY(const std::int64_t memory, detail::read_number(kWhat, "mem", fields[2]));
  device.memory = MiB(memory);
  MELON_TRY(device.healthy, read_health(fields[4]));
  return device;
}

template <class Read>
Result<std::vector<RegisteredDevice>> read_each(std::string_view text, Read read) {
  std::vector<RegisteredDevice> devices;
  if (text.empty()) return devices;
  if (text.find(':') == std::string_view::npos)
    return detail::bad_text(kWhat, "no ':' ends a device");
  if (text.ends_with(':')) text.remove_suffix(1);
  for (const std::string_view one : detail::split(text, ':')) {
    MELON_TRY(RegisteredDevice device, read(one, devices.size()));
    if (device.id.empty())
      return detail::bad_text(kWhat, fmt::format("device {} has no id", devices.size()));
    devices.push_back(std::move(device));
  }
  return devices;
}

std::string encode_delimited(const std::vector<RegisteredDevice>& devices) {
  std::string text;
  for (const RegisteredDevice& device : devices)
    text += fmt::format("{},{},{},{},{},{},{},{},{}:", device.id, device.slots,
                        device.memory.count(), device.compute, device.type, device.numa,
                        device.healthy, device.index, device.mode);
  return text;
}

Result<std::vector<RegisteredDevice>> decode(vendors::RegistrationFormat format,
                                             std::string_view text) {
  switch (format) {
    case vendors::RegistrationFormat::kJson:
    case vendors::RegistrationFormat::kDelimited:
      if (text.starts_with('[') || text == "null") return detail::decode_json(text);
      if (text.starts_with('{'))
        return detail::bad_text(kWhat, "an object in place of a list of devices");
      return read_each(text, read_delimited);
    case vendors::RegistrationFormat::kVolcano:
      return read_each(text, read_volcano);
    case vendors::RegistrationFormat::kMetax:
      return detail::decode_metax(text);
    case vendors::RegistrationFormat::kEnflame:
      return detail::decode_enflame(text);
    case vendors::RegistrationFormat::kCapacity:
      break;
  }
  return detail::bad_text(kWhat, "this vendor's devices are derived from capacity");
}

}  // namespace

namespace detail {

tl::unexpected<Error> bad_text(std::string_view what, std::string_view rule) {
  return fail(Code::kInvalidArgument, fmt::format("{}: {}", what, rule),
              "look at who writes this annotation; a node that is set aside comes back when it is "
              "mended");
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Result<std::int64_t> read_number(std::string_view what, std::string_view field,
                                 std::string_view text) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number >= 0 && number <= kMost)
    return number;
  return bad_text(
      what, fmt::format("field {} '{}' is no number from 0 to 2^40", field, text.substr(0, 40)));
}

Result<std::int64_t> read_numa(std::string_view what, std::string_view field,
                               std::string_view text) {
  if (text == "-1") return -1;
  return read_number(what, field, text);
}

}  // namespace detail

Result<> check_device_id(std::string_view id) {
  static constexpr std::string_view kSeparators = ",:;[";
  const auto is_bad = [](char letter) {
    return kSeparators.find(letter) != std::string_view::npos ||
           std::iscntrl(static_cast<unsigned char>(letter)) != 0;
  };
  if (std::ranges::none_of(id, is_bad)) return {};
  return detail::bad_text(
      kWhat, fmt::format("device id '{}' has one of , : ; [ or a control character, which part the "
                         "devices of pods",
                         id.substr(0, 80)));
}

Result<std::vector<RegisteredDevice>> decode_registration(vendors::RegistrationFormat format,
                                                          std::string_view text) {
  if (text.size() > detail::kMostBytes) return detail::bad_text(kWhat, "larger than 1 MiB");
  MELON_TRY(auto devices, decode(format, text));
  for (const RegisteredDevice& device : devices) MELON_RETURN_IF_ERROR(check_device_id(device.id));
  return devices;
}

Result<std::string> encode_registration(vendors::RegistrationFormat format,
                                        const std::vector<RegisteredDevice>& devices) {
  if (format == vendors::RegistrationFormat::kJson) return detail::encode_json(devices);
  if (format == vendors::RegistrationFormat::kDelimited) return encode_delimited(devices);
  return fail(Code::kUnimplemented, fmt::format("format {} is only read", vendors::word_of(format)),
              "write json or delimited");
}

}  // namespace melon::annotations
