#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <caf/scoped_actor.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "core/base/digest.hpp"
#include "storage/server_process.hpp"
#include "tests/bench/measurements.hpp"
#include "tests/bench/request_window.hpp"

namespace callboard::bench {
namespace {

namespace fs = std::filesystem;

/// Waiting admissions: what a tenant under load has.
constexpr std::uint64_t width = 128;

/// One connection, one row, one commit a debit, with prepared statements.
double pgbench_debits(bench_context& x) {
  x.node.sql("CREATE TABLE IF NOT EXISTS public.bench_wallet (id int PRIMARY KEY, balance bigint)");
  x.node.sql("INSERT INTO public.bench_wallet VALUES (1, 1000000000) ON CONFLICT DO NOTHING");
  auto script = x.folder / "debit.sql";
  std::ofstream{script} << "UPDATE public.bench_wallet SET balance = balance - 1 WHERE id = 1;\n";
  auto log = x.folder / "pgbench.log";
  auto account = find_server_account();
  auto programs = find_server_programs();
  if (!account || !programs)
    throw std::runtime_error{"no PostgreSQL programs"};
  auto seconds = std::max<std::int64_t>(1, x.settings.length.count() / 1000);
  auto status =
    run_program({(*programs / "pgbench").string(), "-n", "-M", "prepared", "-c", "1", "-j", "1",
                 "-T", std::to_string(seconds), "-f", script.string(), x.node.conninfo()},
                *account, log);
  std::ifstream file{log};
  std::stringstream text;
  text << file.rdbuf();
  auto at = text.str().rfind("tps = "); // the log has the earlier runs too
  if (!status || *status != 0 || at == std::string::npos)
    throw std::runtime_error{"pgbench failed: " + text.str()};
  return std::stod(text.str().substr(at + 6));
}

tenant_actor find_tenant(bench_node& node) {
  caf::scoped_actor self{node.system()};
  tenant_actor found;
  self->request(node.parts().directory, limits::actor_timeout, atom::tenant_v, node.platform())
    .receive([&](const tenant_actor& actor) { found = actor; },
             [](const caf::error& why) { throw std::runtime_error{caf::to_string(why)}; });
  return found;
}

/// An admission and its settlement: one debit, durable before the answer.
window_step debit(const tenant_actor& tenant, const principal& who) {
  return
    [tenant, who](caf::event_based_actor* self, std::uint64_t, std::function<void(bool)> done) {
      admission what;
      what.id = {uuid4()};
      what.request_hash = sha256(what.id.value);
      what.kind = hold_kind::mcp;
      what.end_user = who.end_user;
      what.subject = "github_get_issue";
      what.app = "github";
      what.request = {"bench"};
      self->request(tenant, limits::store_timeout * 2, atom::admit_v, what)
        .then(
          [self, tenant, done](const hold_ticket& ticket) {
            settlement paid;
            paid.id = ticket.id;
            paid.actual = ticket.amount;
            paid.request_type = "mcp_tool";
            self->request(tenant, limits::store_timeout * 2, atom::settle_v, paid)
              .then([done](const receipt&) { done(true); },
                    [done](const caf::error&) { done(false); });
          },
          [done](const caf::error&) { done(false); });
    };
}

} // namespace

void measure_debits(bench_context& x) {
  // Before and after: where the two differ, the machine was busy and the ratio says little.
  auto before = pgbench_debits(x);
  auto rows_before = x.node.paid_calls();
  auto got = run_window(x.node.system(), width, ~std::uint64_t{0}, x.settings.length,
                        debit(find_tenant(x.node), x.node.user()));
  if (x.node.paid_calls() - rows_before != got.good)
    throw std::runtime_error{"the ledger has not one row for each acknowledged debit"};
  auto after = pgbench_debits(x);
  auto rate = static_cast<double>(got.good) / got.seconds;
  auto failures = got.bad == 0 ? std::string{} : fmt::format(" {} FAILED", got.bad);
  x.table.add({"durable debits of one tenant (admit + settle)",
               fmt::format("{:.0f}/s{}", rate, failures),
               fmt::format("pgbench {:.0f}/s, {:.0f}/s", before, after),
               fmt::format("{:.2f} x", 2 * rate / (before + after)), ">= 5 x"});
}

} // namespace callboard::bench
