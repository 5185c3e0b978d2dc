// SPDX-License-Identifier: Apache-2.0
// Draws `melon top`.
#include "cli/top_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/api.h"
#include "cli/grant_table.h"

namespace melon::cli {
namespace {

constexpr std::size_t kRemembered = 120;
constexpr std::size_t kFixedColumns = 65;  // of a grant's line, without its sparkline
constexpr std::size_t kDeviceFixedColumns = 52;
constexpr char kEscape = '\x1b';
constexpr char kDelete = '\x7f';
constexpr char kBackspace = '\b';

using Lines = std::vector<std::string>;

std::int64_t sum(const Json& grant, const char* key) {
  std::int64_t total = 0;
  for (const Json& slice : list_of(grant, "slices")) total += number_of(slice, key).value_or(0);
  return total;
}

std::int64_t used_compute(const Json& grant) {
  const Json& slices = list_of(grant, "slices");
  const auto count = static_cast<std::int64_t>(std::max<std::size_t>(1, slices.size()));
  return sum(grant, "used_compute_permille") / count;
}

std::string short_memory(std::optional<std::int64_t> mib) {
  if (!mib) return "-";
  if (*mib < std::int64_t{10} * 1024) return fmt::format("{}M", *mib);
  return fmt::format("{:.1f}G", static_cast<double>(*mib) / 1024);
}

std::int64_t part(std::int64_t used, std::int64_t whole) {
  return whole > 0 ? used * 1000 / whole : 0;
}

Tone load_tone(std::int64_t permille) {
  if (permille > 900) return Tone::kBad;
  return permille > 700 ? Tone::kWarn : Tone::kGood;
}

std::size_t spark_width(std::size_t width, std::size_t fixed) {
  return width > fixed + 4 ? std::min<std::size_t>(width - fixed, 60) : 0;
}

std::string device_line(const Json& device, const TopHistory& history, const TopView& view) {
  const std::string id = text_of(device, "id");
  const std::int64_t memory = number_of(device, "memory_mib").value_or(0);
  const auto used = number_of(device, "used_memory_mib");
  const std::int64_t busy = number_of(device, "utilization_permille").value_or(0);
  const auto drawn = [&view](std::int64_t permille) {
    return paint(bar(permille, 8, view.glyphs), load_tone(permille), view.color);
  };
  return fit(printable(id), 12, view.glyphs) + " " + drawn(part(used.value_or(0), memory)) + " " +
         fit_right(short_memory(used) + "/" + short_memory(memory), 13, view.glyphs) + " " +
         drawn(busy) + " " + fit_right(compute_text(busy), 6, view.glyphs) + " " +
         sparkline(history.of("device/" + id), spark_width(view.width, kDeviceFixedColumns),
                   view.glyphs);
}

std::string device_names(const Json& grant) {
  std::string names;
  for (const Json& slice : list_of(grant, "slices"))
    names += (names.empty() ? "" : ",") + text_of(slice, "device");
  return names;
}

std::string asked_compute(const Json& grant) {
  const Json& slices = list_of(grant, "slices");
  if (slices.empty()) return "-";
  const Json& slice = slices.front();
  const std::string share = text_of(slice, "share");
  if (share == "weighted") return fmt::format("w{}", number_of(slice, "weight").value_or(0));
  if (share == "burst") return compute_text(number_of(slice, "compute_permille")) + "+";
  return compute_text(number_of(slice, "compute_permille"));
}

std::string grant_line(const Json& grant, const TopHistory& history, const TopView& view) {
  const std::string state = text_of(grant, "state");
  const std::string memory =
      short_memory(sum(grant, "used_memory_mib")) + "/" + short_memory(sum(grant, "memory_mib"));
  const std::string compute = compute_text(used_compute(grant)) + "/" + asked_compute(grant);
  return fit(printable(text_of(grant, "name")), 16, view.glyphs) + " " +
         paint(fit(state, 9, view.glyphs), state_tone(state), view.color) + " " +
         fit(printable(device_names(grant)), 10, view.glyphs) + " " +
         fit_right(memory, 13, view.glyphs) + " " + fit_right(compute, 12, view.glyphs) + " " +
         sparkline(history.of("grant/" + text_of(grant, "id")),
                   spark_width(view.width, kFixedColumns), view.glyphs);
}

bool matches(const Json& grant, const std::string& filter) {
  const std::string text = text_of(grant, "name") + " " + text_of(grant, "owner") + " " +
                           text_of(grant, "state") + " " + device_names(grant);
  return text.find(filter) != std::string::npos;
}

std::vector<Json> chosen_grants(const Json& grants, const TopView& view) {
  std::vector<Json> chosen;
  for (const Json& grant : grants) {
    if (matches(grant, view.filter)) chosen.push_back(grant);
  }
  const auto key = [&view](const Json& grant) -> std::int64_t {
    if (view.order == TopOrder::kMemory) return -sum(grant, "used_memory_mib");
    return view.order == TopOrder::kCompute ? -used_compute(grant) : 0;
  };
  std::ranges::sort(chosen, [&key](const Json& a, const Json& b) {
    const auto ka = key(a);
    const auto kb = key(b);
    return ka != kb ? ka < kb : text_of(a, "name") < text_of(b, "name");
  });
  return chosen;
}

const char* order_name(TopOrder order) {
  if (order == TopOrder::kMemory) return "memory";
  return order == TopOrder::kCompute ? "compute" : "name";
}

std::string head_line(const Json& devices, std::size_t shown, const Json& grants,
                      const TopView& view) {
  std::string line = fmt::format("melon top   devices: {}   workloads: {} of {}   order: {}",
                                 devices.size(), shown, grants.size(), order_name(view.order));
  if (view.editing || !view.filter.empty())
    line += "   filter: " + view.filter + (view.editing ? "_" : "");
  return fit(printable(line), view.width, view.glyphs);
}

std::string grant_head(const TopView& view) {
  const std::string head = fmt::format("{:<16} {:<9} {:<10} {:>13} {:>12} {}", "WORKLOAD", "STATE",
                                       "DEVICE", "MEMORY", "COMPUTE", "HISTORY");
  return paint(fit(head, view.width, view.glyphs), Tone::kDim, view.color);
}

std::string device_head(const TopView& view) {
  const std::string head =
      fmt::format("{:<12} {:<22} {:<15} {}", "DEVICE", "MEMORY", "BUSY", "HISTORY");
  return paint(fit(head, view.width, view.glyphs), Tone::kDim, view.color);
}

std::string last_line(const TopView& view) {
  const char* const keys = view.editing ? "type a filter; Enter keeps it, Escape clears it"
                                        : "q quit   s order   / filter";
  const bool noted = !view.notice.empty();
  return paint(fit(noted ? view.notice : keys, view.width, view.glyphs),
               noted ? Tone::kWarn : Tone::kPlain, view.color);
}

// As many lines as fit, the last of them saying how many did not.
void append_bounded(Lines& lines, const Lines& more, std::size_t room) {
  if (more.size() <= room) {
    lines.insert(lines.end(), more.begin(), more.end());
    return;
  }
  if (room == 0) return;
  const auto shown = room - 1;
  lines.insert(lines.end(), more.begin(), more.begin() + static_cast<std::ptrdiff_t>(shown));
  lines.push_back(fmt::format("  and {} more", more.size() - shown));
}

}  // namespace

void TopHistory::append(std::map<std::string, std::vector<std::int64_t>>& next,
                        const std::string& key, std::int64_t value) {
  auto& series = next[key] = std::move(values_[key]);
  series.push_back(value);
  if (series.size() > kRemembered) series.erase(series.begin());
}

void TopHistory::add(const Json& devices, const Json& grants) {
  std::map<std::string, std::vector<std::int64_t>> next;
  for (const Json& device : devices)
    append(next, "device/" + text_of(device, "id"),
           number_of(device, "utilization_permille").value_or(0));
  for (const Json& grant : grants)
    append(next, "grant/" + text_of(grant, "id"), used_compute(grant));
  values_ = std::move(next);
}

const std::vector<std::int64_t>& TopHistory::of(const std::string& key) const {
  static const std::vector<std::int64_t> kNone;
  const auto series = values_.find(key);
  return series == values_.end() ? kNone : series->second;
}

std::vector<std::string> top_screen(const Json& devices, const Json& grants,
                                    const TopHistory& history, const TopView& view) {
  const std::vector<Json> chosen = chosen_grants(grants, view);
  Lines device_lines;
  for (const Json& device : devices) device_lines.push_back(device_line(device, history, view));
  Lines grant_lines;
  for (const Json& grant : chosen) grant_lines.push_back(grant_line(grant, history, view));

  // Head, two column heads, two blank lines and the keys; a third of the rest for the devices.
  constexpr std::size_t kFrame = 6;
  const std::size_t room = view.height > kFrame ? view.height - kFrame : 0;
  const std::size_t device_room = std::max(room / 3, room - std::min(room, grant_lines.size()));
  Lines lines = {head_line(devices, chosen.size(), grants, view), "", device_head(view)};
  append_bounded(lines, device_lines, device_room);
  lines.push_back("");
  lines.push_back(grant_head(view));
  append_bounded(lines, grant_lines, room - std::min({room, device_lines.size(), device_room}));
  if (view.height > lines.size()) lines.push_back(last_line(view));
  return lines;
}

bool press(char key, TopView& view) {
  if (view.editing) {
    if (key == '\r' || key == '\n') {
      view.editing = false;
    } else if (key == kEscape) {
      view.editing = false;
      view.filter.clear();
    } else if ((key == kDelete || key == kBackspace) && !view.filter.empty()) {
      view.filter.pop_back();
    } else if (key > ' ' && key < kDelete) {
      view.filter += key;
    }
    return true;
  }
  if (key == 's') view.order = static_cast<TopOrder>((static_cast<int>(view.order) + 1) % 3);
  if (key == '/') view.editing = true;
  return key != 'q' && key != 'Q';
}

}  // namespace melon::cli
