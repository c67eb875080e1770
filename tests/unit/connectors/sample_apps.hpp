#pragma once

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/connectors/arguments.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/connectors/render.hpp"
#include "tests/support/source_tree.hpp"

/// Apps for the tests of core/connectors: the shipped GitHub file, and small ones that have the
/// awkward spots of Slack, Zendesk and Zoho Mail.
namespace callboard::connectors::sample {

inline std::string github_text() {
  std::ifstream file{source_tree() / "schema/apps/github.json"};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Form bodies, errors with status 200, soft errors, two inputs in one field.
inline constexpr std::string_view slack_text = R"json({
  "slug": "slack", "title": "Slack",
  "endpoints": {
    "api_base": "https://slack.com/api",
    "authorize_url": "https://slack.com/oauth/v2/authorize",
    "token_url": "https://slack.com/api/oauth.v2.access",
    "revoke_url": "https://slack.com/api/auth.revoke"
  },
  "oauth": {
    "default_scopes": ["chat:write", "channels:read"],
    "scope_separator": ",", "scope_parameter": "user_scope",
    "client_authentication": "basic", "refresh": true,
    "token_answer": {
      "access_token": "/authed_user/access_token",
      "refresh_token": "/authed_user/refresh_token",
      "expires_in": "/authed_user/expires_in",
      "scope": "/authed_user/scope", "error": "/error",
      "keep": {"team_id": "/team/id"}, "temporary_errors": ["ratelimited"]
    },
    "revoke": {"method": "POST", "authentication": "bearer", "statuses": [200]}
  },
  "headers": {"Authorization": "Bearer {token}"},
  "answer": {
    "success": {"pointer": "/ok", "equals": true},
    "error_code": "/error", "error_texts": ["/error"],
    "error_details": ["/response_metadata/messages"],
    "rate_limit": {"codes": ["ratelimited"], "retry_after_header": "Retry-After"},
    "dead_token": {"codes": ["invalid_auth", "token_revoked", "token_expired"]},
    "missing_scope": {"codes": ["missing_scope"], "needed": "/needed"}
  },
  "tools": [
    {
      "name": "slack_send_message", "title": "Send message", "description": "Sends a message.",
      "inputSchema": {
        "type": "object", "additionalProperties": false, "required": ["channel", "text"],
        "properties": {
          "channel": {"type": "string", "description": "Channel"},
          "text": {"type": "string", "description": "Text"},
          "unfurl_links": {"type": "boolean", "description": "Unfurl"},
          "event_type": {"type": "string", "description": "Type"},
          "event_payload": {"type": "object", "description": "Payload"},
          "attachments": {"type": "array", "description": "List", "items": {"type": "object"}}
        }
      },
      "annotations": {"readOnlyHint": false, "destructiveHint": false, "idempotentHint": false,
                      "openWorldHint": true},
      "scopes": ["chat:write"],
      "request": {
        "method": "POST", "path": "/chat.postMessage", "body": "form",
        "bind": [
          {"argument": "channel", "to": "form.channel"},
          {"argument": "text", "to": "form.text"},
          {"argument": "unfurl_links", "to": "form.unfurl_links"},
          {"argument": "attachments", "to": "form.attachments", "as": "json"},
          {"group": {"event_type": "event_type", "event_payload": "event_payload"},
           "to": "form.metadata", "as": "json", "when_argument": "event_type"}
        ]
      },
      "answer": {"statuses": [200], "fields": ["/channel", "/ts"], "text": "Message {/ts} sent"}
    },
    {
      "name": "slack_add_emoji_reaction", "title": "React", "description": "Adds a reaction.",
      "inputSchema": {
        "type": "object", "additionalProperties": false, "required": ["channel", "name"],
        "properties": {
          "channel": {"type": "string", "description": "Channel"},
          "name": {"type": "string", "description": "Emoji"}
        }
      },
      "annotations": {"readOnlyHint": false, "destructiveHint": false, "idempotentHint": true,
                      "openWorldHint": true},
      "request": {
        "method": "POST", "path": "/reactions.add", "body": "form",
        "bind": [
          {"argument": "channel", "to": "form.channel"},
          {"argument": "name", "to": "form.name", "as": "trim::"}
        ]
      },
      "answer": {"statuses": [200], "text": "Reaction {name} added",
                 "soft_errors": {"already_reacted": "The reaction was there already."}}
    },
    {
      "name": "slack_list_channels", "title": "List channels", "description": "Lists channels.",
      "inputSchema": {
        "type": "object", "additionalProperties": false,
        "properties": {
          "limit": {"type": "integer", "description": "Page size", "default": 100},
          "types": {"type": "array", "description": "Kinds", "items": {"type": "string"}}
        }
      },
      "annotations": {"readOnlyHint": true, "destructiveHint": false, "idempotentHint": true,
                      "openWorldHint": true},
      "request": {
        "method": "GET", "path": "/conversations.list",
        "bind": [
          {"argument": "limit", "to": "query.limit"},
          {"argument": "types", "to": "query.types", "as": "join:,"}
        ]
      },
      "answer": {"statuses": [200], "fields": ["/channels/*/id", "/response_metadata/next_cursor"],
                 "text": "{#/channels} channels"}
    }
  ]
})json";

/// A host out of the connection, optional path segments, bindings with conditions, empty answers.
inline constexpr std::string_view zendesk_text = R"json({
  "slug": "zendesk", "title": "Zendesk",
  "connection": [
    {"name": "subdomain", "description": "The part before .zendesk.com.",
     "pattern": "^[a-z0-9][a-z0-9-]*$", "required": true}
  ],
  "endpoints": {
    "api_base": "https://{conn.subdomain}.zendesk.com/api/v2",
    "authorize_url": "https://{conn.subdomain}.zendesk.com/oauth/authorizations/new",
    "token_url": "https://{conn.subdomain}.zendesk.com/oauth/tokens",
    "revoke_url": "https://{conn.subdomain}.zendesk.com/api/v2/oauth/tokens/current.json"
  },
  "oauth": {
    "default_scopes": ["read", "write"], "pkce": true, "refresh": true,
    "token_answer": {
      "access_token": "/access_token", "refresh_token": "/refresh_token",
      "expires_in": "/expires_in", "error": "/error", "error_description": "/error_description"
    },
    "revoke": {"method": "DELETE", "authentication": "bearer", "statuses": [204]}
  },
  "headers": {"Authorization": "Bearer {token}", "Accept": "application/json"},
  "answer": {
    "error_texts": ["/description", "/error/message", "/error"],
    "error_details": ["/details", "/errors"],
    "rate_limit": {"retry_after_header": "Retry-After"},
    "dead_token": {"statuses": [401]}
  },
  "tools": [
    {
      "name": "zendesk_update_ticket", "title": "Update", "description": "Updates a ticket.",
      "inputSchema": {
        "type": "object", "additionalProperties": false, "required": ["ticket_id"],
        "properties": {
          "ticket_id": {"type": "integer", "description": "Id", "minimum": 1},
          "comment": {"type": "string", "description": "Comment"},
          "is_html": {"type": "boolean", "description": "HTML"},
          "public": {"type": "boolean", "description": "Public"},
          "assignee_id": {"type": "string", "description": "Assignee"}
        }
      },
      "annotations": {"readOnlyHint": false, "destructiveHint": true, "idempotentHint": false,
                      "openWorldHint": true},
      "rules": [{"min_one_of": ["comment", "assignee_id"]}],
      "request": {
        "method": "PUT", "path": "/tickets/{ticket_id}.json", "body": "json",
        "bind": [
          {"argument": "ticket_id", "to": "path.ticket_id"},
          {"argument": "comment", "to": "body.ticket.comment.body", "unless_true": "is_html"},
          {"argument": "comment", "to": "body.ticket.comment.html_body", "when_true": "is_html"},
          {"argument": "public", "to": "body.ticket.comment.public", "when_argument": "comment"},
          {"argument": "assignee_id", "to": "body.ticket.assignee_id", "as": "integer"}
        ]
      },
      "answer": {"statuses": [200], "fields": ["/ticket/id"], "text": "Ticket {/ticket/id} updated"}
    },
    {
      "name": "zendesk_delete_ticket", "title": "Delete", "description": "Deletes a ticket.",
      "inputSchema": {
        "type": "object", "additionalProperties": false, "required": ["ticket_id"],
        "properties": {"ticket_id": {"type": "integer", "description": "Id", "minimum": 1}}
      },
      "annotations": {"readOnlyHint": false, "destructiveHint": true, "idempotentHint": true,
                      "openWorldHint": true},
      "request": {
        "method": "DELETE", "path": "/tickets/{ticket_id}.json",
        "bind": [{"argument": "ticket_id", "to": "path.ticket_id"}]
      },
      "answer": {"statuses": [204], "text": "Ticket {ticket_id} deleted",
                 "text_for_nothing": "Ticket {ticket_id} deleted"}
    },
    {
      "name": "zendesk_list_articles", "title": "Articles", "description": "Lists articles.",
      "inputSchema": {
        "type": "object", "additionalProperties": false,
        "properties": {
          "locale": {"type": "string", "description": "Locale"},
          "section_id": {"type": "string", "description": "Section"},
          "category_id": {"type": "string", "description": "Category"},
          "user_id": {"type": "string", "description": "User"},
          "query": {"type": "string", "description": "Query"}
        }
      },
      "annotations": {"readOnlyHint": true, "destructiveHint": false, "idempotentHint": true,
                      "openWorldHint": true},
      "rules": [{"not_together": ["user_id", "category_id"]},
                {"not_together": ["user_id", "section_id"]}],
      "request": {
        "method": "GET", "path": "/help_center{/locale}{/scope}/articles.json",
        "bind": [
          {"argument": "locale", "to": "path.locale", "as": "lower", "unless_argument": "user_id"},
          {"argument": "section_id", "to": "path.scope", "as": "prefix:sections/"},
          {"argument": "category_id", "to": "path.scope", "as": "prefix:categories/",
           "unless_argument": "section_id"},
          {"argument": "user_id", "to": "path.scope", "as": "prefix:users/"},
          {"argument": "query", "to": "query.query", "as": "ensure_term:type:ticket"}
        ]
      },
      "answer": {"statuses": [200], "fields": ["/articles/*/id"], "text": "{#/articles} articles"}
    }
  ]
})json";

/// Hosts by data centre, defaults out of the connection, day-first dates, a pre-request that may
/// fail, one argument in two places.
inline constexpr std::string_view zoho_text = R"json({
  "slug": "zoho_mail", "title": "Zoho Mail",
  "connection": [
    {"name": "zone", "description": "The data centre.",
     "allowed": ["zoho.com", "zoho.eu", "zohocloud.ca"], "default": "zoho.com",
     "callback_parameter": "accounts-server", "callback_prefix": "https://accounts."},
    {"name": "account_id", "description": "The mail account."}
  ],
  "endpoints": {
    "api_base": "https://mail.{conn.zone}/api",
    "authorize_url": "https://accounts.{conn.zone}/oauth/v2/auth",
    "token_url": "https://accounts.{conn.zone}/oauth/v2/token",
    "revoke_url": "https://accounts.{conn.zone}/oauth/v2/token/revoke"
  },
  "oauth": {
    "default_scopes": ["ZohoMail.messages.CREATE", "ZohoMail.tasks.CREATE"],
    "scope_separator": ",", "refresh": true,
    "authorize_parameters": {"access_type": "offline", "prompt": "consent"},
    "token_answer": {
      "access_token": "/access_token", "refresh_token": "/refresh_token",
      "expires_in": "/expires_in", "error": "/error"
    },
    "revoke": {"method": "POST", "authentication": "none", "body": "form",
               "fields": {"token": "{refresh_token}"}, "statuses": [200]}
  },
  "headers": {"Authorization": "Zoho-oauthtoken {token}"},
  "answer": {
    "error_code": "/data/errorCode",
    "error_texts": ["/data/moreInfo", "/status/description"],
    "dead_token": {"statuses": [401], "codes": ["INVALID_OAUTHTOKEN"]}
  },
  "tools": [
    {
      "name": "zoho_mail_send_email", "title": "Send", "description": "Sends a mail.",
      "inputSchema": {
        "type": "object", "additionalProperties": false, "required": ["to"],
        "properties": {
          "account_id": {"type": "string", "description": "Account"},
          "to": {"type": "string", "description": "Address"}
        }
      },
      "annotations": {"readOnlyHint": false, "destructiveHint": false, "idempotentHint": false,
                      "openWorldHint": true},
      "request": {
        "method": "POST", "path": "/accounts/{account_id}/messages", "body": "json",
        "bind": [
          {"argument": "account_id", "to": "path.account_id", "or_connection": "account_id"},
          {"argument": "to", "to": "body.toAddress"}
        ]
      },
      "answer": {"statuses": [200, 201], "fields": ["/data/messageId"], "text": "Mail sent to {to}"}
    },
    {
      "name": "zoho_mail_create_task", "title": "Task", "description": "Creates a task.",
      "inputSchema": {
        "type": "object", "additionalProperties": false, "required": ["full_name"],
        "properties": {
          "full_name": {"type": "string", "description": "Group and task"},
          "due": {"type": "string", "description": "Date"},
          "tag": {"type": "string", "description": "Tag"},
          "file": {"type": "string", "description": "File"}
        }
      },
      "annotations": {"readOnlyHint": false, "destructiveHint": false, "idempotentHint": false,
                      "openWorldHint": true},
      "before": [
        {"id": "old", "method": "GET", "path": "/tasks/{group}/{task}", "accept": [200, 404],
         "bind": [{"argument": "full_name", "to": ["path.group", "path.task"], "as": "split:/"}]}
      ],
      "request": {
        "method": "POST", "path": "/tasks/me", "body": "json",
        "bind": [
          {"argument": "full_name", "to": "body.title"},
          {"argument": "due", "to": "body.dueDate", "as": "day_first"},
          {"argument": "tag", "to": "header.X-Tag", "as": "slug"},
          {"argument": "file", "to": "body.file", "as": "base64"},
          {"connection": "account_id", "to": "body.owner"},
          {"step": "old", "pointer": "/data/id", "optional": true, "to": "body.replaces"}
        ]
      },
      "answer": {"statuses": [200, 201], "fields": ["/data/id"], "text": "Task {/data/id} created"}
    }
  ]
})json";

inline app load(std::string_view text, std::string_view file_name) {
  auto x = load_app(text, file_name);
  BOOST_REQUIRE_MESSAGE(x, (x ? std::string{} : message_of(x.error())));
  return std::move(*x);
}

inline std::shared_ptr<const catalogue> all() {
  static const auto made = [] {
    std::vector<app> apps;
    apps.push_back(load(github_text(), "github.json"));
    apps.push_back(load(slack_text, "slack.json"));
    apps.push_back(load(zendesk_text, "zendesk.json"));
    apps.push_back(load(zoho_text, "zoho_mail.json"));
    return catalogue::make(std::move(apps)).value();
  }();
  return made;
}

inline tool_ref tool_named(std::string_view name) {
  auto x = all()->find_tool(name);
  BOOST_REQUIRE_MESSAGE(x, name);
  return *x;
}

inline json::object object(std::string_view text) {
  auto x = parse_json_object(text);
  BOOST_REQUIRE_MESSAGE(x, text);
  return std::move(*x);
}

inline constexpr std::string_view token = "gho_secret_token_1234567890";

inline connection_fields fields() {
  return {{"subdomain", "acme"}, {"zone", "zoho.eu"}, {"account_id", "77"}};
}

/// A plan for a call with checked arguments.
inline result<call_plan> plan_of(std::string_view name, std::string_view arguments) {
  auto ref = tool_named(name);
  auto checked = check_arguments(*ref.item, object(arguments));
  if (!checked)
    return checked.error();
  return call_plan::make(ref, std::move(*checked), fields(), std::string{token});
}

} // namespace callboard::connectors::sample
