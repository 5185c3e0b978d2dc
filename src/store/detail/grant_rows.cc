// SPDX-License-Identifier: Apache-2.0
// Grants as rows, and back.
#include "store/detail/grant_rows.h"

#include <algorithm>
#include <map>

#include "core/names.h"

namespace melon::store::detail {
namespace {

using core::Grant;

std::optional<std::int64_t> count_of(const auto& quantity) {
  if (!quantity) return std::nullopt;
  return quantity->count();
}

template <class Quantity>
std::optional<Quantity> quantity_of(const std::optional<std::int64_t>& count) {
  if (!count) return std::nullopt;
  return Quantity(*count);
}

Result<> insert_grant(Database& database, const Grant& grant) {
  const core::Request& request = grant.request;
  using Number = std::optional<std::int64_t>;
  using Text = std::optional<std::string_view>;
  Statement insert(database,
                   "INSERT INTO grants VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  insert.bind(grant.id)
      .bind(grant.name)
      .bind(std::int64_t{grant.owner})
      .bind(core::to_text(grant.state))
      .bind(grant.created_unix_ms)
      .bind(grant.ended_unix_ms)
      .bind_maybe(grant.exit_code ? Number(*grant.exit_code) : std::nullopt)
      .bind(grant.reason)
      .bind(std::int64_t{grant.keep_seconds})
      .bind(grant.wait_until_unix_ms)
      .bind_maybe(request.memory ? Number(request.memory->absolute.count()) : std::nullopt)
      .bind_maybe(request.memory ? count_of(request.memory->of_device) : std::nullopt)
      .bind_maybe(count_of(request.compute))
      .bind_maybe(request.share ? Text(core::to_text(*request.share)) : std::nullopt)
      .bind(std::int64_t{request.weight})
      .bind_maybe(count_of(request.max_compute))
      .bind(core::to_text(request.priority))
      .bind(std::int64_t{request.count})
      .bind(request.device)
      .bind(request.type)
      .bind(std::int64_t{request.unenforced})
      .bind(grant.created_boot_ms)
      .bind(grant.boot_id)
      .bind(grant.end_number);
  return insert.run();
}

Result<> insert_lists(Database& database, const Grant& grant) {
  std::int64_t position = 0;
  Statement slice(database, "INSERT INTO slices VALUES (?,?,?,?,?,?)");
  for (const core::Slice& s : grant.slices) {
    slice.reset();
    slice.bind(grant.id).bind(position++).bind(s.device).bind(s.memory.count());
    slice.bind(s.compute.count()).bind(s.ceiling.count());
    MELON_RETURN_IF_ERROR(slice.run());
  }
  position = 0;
  Statement argument(database, "INSERT INTO arguments VALUES (?,?,?)");
  for (const std::string& value : grant.arguments) {
    argument.reset();
    argument.bind(grant.id).bind(position++).bind(value);
    MELON_RETURN_IF_ERROR(argument.run());
  }
  position = 0;
  Statement process(database, "INSERT INTO processes VALUES (?,?,?,?)");
  for (const core::ProcessId& p : grant.processes) {
    process.reset();
    process.bind(grant.id).bind(position++).bind(std::int64_t{p.pid});
    process.bind(static_cast<std::int64_t>(p.start_ticks));
    MELON_RETURN_IF_ERROR(process.run());
  }
  if (!grant.waiter) return {};
  Statement waiter(database, "INSERT INTO waiters VALUES (?,?,?)");
  waiter.bind(grant.id).bind(std::int64_t{grant.waiter->pid});
  waiter.bind(static_cast<std::int64_t>(grant.waiter->start_ticks));
  return waiter.run();
}

Result<core::Request> read_request(const Statement& row) {
  core::Request request;
  if (const auto absolute = row.maybe_number(10))
    request.memory = MemoryAmount{MiB(*absolute), quantity_of<Permille>(row.maybe_number(11))};
  request.compute = quantity_of<Permille>(row.maybe_number(12));
  if (const auto share = row.maybe_text(13)) {
    MELON_TRY(request.share, core::parse_share_mode(*share));
  }
  request.weight = static_cast<int>(row.number(14));
  request.max_compute = quantity_of<Permille>(row.maybe_number(15));
  MELON_TRY(request.priority, core::parse_priority(row.text(16)));
  request.count = static_cast<int>(row.number(17));
  request.device = row.text(18);
  request.type = row.text(19);
  request.unenforced = row.number(20) != 0;
  return request;
}

Result<Grant> read_grant(const Statement& row) {
  Grant grant;
  grant.id = row.text(0);
  grant.name = row.text(1);
  grant.owner = static_cast<std::uint32_t>(row.number(2));
  MELON_TRY(grant.state, core::parse_state(row.text(3)));
  grant.created_unix_ms = row.number(4);
  grant.ended_unix_ms = row.number(5);
  if (const auto code = row.maybe_number(6)) grant.exit_code = static_cast<int>(*code);
  grant.reason = row.text(7);
  grant.keep_seconds = static_cast<int>(row.number(8));
  grant.wait_until_unix_ms = row.number(9);
  grant.created_boot_ms = row.number(21);
  grant.boot_id = row.text(22);
  grant.end_number = row.number(23);
  MELON_TRY(grant.request, read_request(row));
  return grant;
}

core::ProcessId read_process(const Statement& row) {
  return {.pid = static_cast<int>(row.number(1)),
          .start_ticks = static_cast<std::uint64_t>(row.number(2))};
}

using ById = std::map<std::string, Grant>;

/// Calls `take` with the grant of every row; the first column is the grant's id.
template <class Take>
Result<> read_list(Database& database, const char* sql, ById& grants, Take take) {
  Statement rows(database, sql);
  while (true) {
    MELON_TRY(const bool more, rows.step());
    if (!more) return {};
    if (const auto at = grants.find(rows.text(0)); at != grants.end()) take(at->second, rows);
  }
}

Result<> read_lists(Database& database, ById& grants) {
  MELON_RETURN_IF_ERROR(read_list(
      database,
      "SELECT grant_id, device, memory_mib, compute_permille, ceiling_permille FROM slices "
      "ORDER BY grant_id, position",
      grants, [](Grant& grant, const Statement& row) {
        grant.slices.push_back({.device = row.text(1),
                                .memory = MiB(row.number(2)),
                                .compute = Permille(row.number(3)),
                                .ceiling = Permille(row.number(4))});
      }));
  MELON_RETURN_IF_ERROR(read_list(
      database, "SELECT grant_id, value FROM arguments ORDER BY grant_id, position", grants,
      [](Grant& grant, const Statement& row) { grant.arguments.push_back(row.text(1)); }));
  MELON_RETURN_IF_ERROR(read_list(
      database, "SELECT grant_id, pid, start_ticks FROM processes ORDER BY grant_id, position",
      grants,
      [](Grant& grant, const Statement& row) { grant.processes.push_back(read_process(row)); }));
  return read_list(database, "SELECT grant_id, pid, start_ticks FROM waiters", grants,
                   [](Grant& grant, const Statement& row) { grant.waiter = read_process(row); });
}

}  // namespace

Result<> put_grant(Database& database, const Grant& grant) {
  MELON_RETURN_IF_ERROR(remove_grant(database, grant.id));
  MELON_RETURN_IF_ERROR(insert_grant(database, grant));
  return insert_lists(database, grant);
}

Result<> remove_grant(Database& database, const std::string& id) {
  return Statement(database, "DELETE FROM grants WHERE id = ?").bind(id).run();  // lists cascade
}

Result<std::vector<Grant>> read_grants(Database& database) {
  ById grants;
  Statement rows(database,
                 "SELECT id, name, owner_uid, state, created_unix_ms, ended_unix_ms, exit_code, "
                 "reason, keep_seconds, wait_until_unix_ms, request_memory_mib, "
                 "request_memory_permille, request_compute_permille, request_share, "
                 "request_weight, request_max_compute_permille, request_priority, request_count, "
                 "request_device, request_type, request_unenforced, created_boot_ms, boot_id, "
                 "end_number FROM grants");
  while (true) {
    MELON_TRY(const bool more, rows.step());
    if (!more) break;
    MELON_TRY(Grant grant, read_grant(rows));
    grants.emplace(grant.id, std::move(grant));
  }
  MELON_RETURN_IF_ERROR(read_lists(database, grants));
  std::vector<Grant> sorted;
  for (auto& [id, grant] : grants) sorted.push_back(std::move(grant));
  std::ranges::stable_sort(sorted, {}, &Grant::created_unix_ms);
  return sorted;
}

}  // namespace melon::store::detail
