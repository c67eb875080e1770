target_sources(callboard_core PRIVATE webhooks/events.cpp webhooks/schedule.cpp webhooks/signature.cpp)
