//! The clock: look at it, move it forward, set its pace.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde_json::Value;

use crate::app::App;
use crate::chance::parse_span;
use crate::clock::{ClockMode, ClockWentBack, Timestamp};
use crate::http::api::audit::Did;
use crate::http::api::{Whole, nothing_else, object, schema, shapes, text};
use crate::http::problem::Problem;

/// The clock.
#[utoipa::path(
    get, path = "/api/v1/clock", operation_id = "show_clock", tag = "control",
    responses((status = 200, description = "at this instant", body = schema::Clock), Problem),
)]
pub(super) async fn show(State(app): State<Arc<App>>) -> Json<Value> {
    Json(shape(&app))
}

/// One of `{"advance"}`, `{"set"}`, `{"rate"}`, `{"mode"}`.
#[utoipa::path(
    post, path = "/api/v1/clock", operation_id = "change_clock", tag = "control", request_body = schema::ChangeClock,
    responses((status = 200, description = "changed", body = schema::Clock), Problem),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Whole(body): Whole,
) -> Result<(Extension<Did>, Json<Value>), Problem> {
    const KNOWN: [&str; 4] = ["advance", "set", "rate", "mode"];
    let mut members = object(&body)?;
    let named = members.iter().filter(|(key, value)| KNOWN.contains(&key.as_str()) && !value.is_null()).count();
    let (advance, set) = (text(&mut members, "advance")?, text(&mut members, "set")?);
    let (rate, mode) = (members.remove("rate").filter(|rate| !rate.is_null()), text(&mut members, "mode")?);
    nothing_else(&members, &KNOWN)?;
    if named != 1 {
        return Err(Problem::bad_request("bad_value", "give one of \"advance\", \"set\", \"rate\" and \"mode\""));
    }
    let bad = |text: String| Problem::bad_request("bad_value", text);
    if let Some(span) = advance {
        let to = app.now() + parse_span(&span).map_err(|error| bad(error.to_string()))?;
        app.advance(to).await.map_err(went_back)?;
    }
    if let Some(at) = set {
        let to: Timestamp =
            at.parse().map_err(|_| bad(format!("{at:?} is not an instant; write it like 2027-01-01T00:00:00Z")))?;
        app.advance(to).await.map_err(went_back)?;
    }
    if let Some(rate) = rate {
        let rate = rate
            .as_f64()
            .filter(|r| *r > 0.0 && *r <= 1e9)
            .ok_or_else(|| bad("\"rate\" must be above 0, at most 1e9".to_owned()))?;
        app.set_clock_mode(if rate == 1.0 { ClockMode::Real } else { ClockMode::Scaled { rate } });
    }
    if let Some(mode) = mode {
        app.set_clock_mode(match mode.as_str() {
            "manual" => ClockMode::Manual,
            "real" => ClockMode::Real,
            "scaled" => return Err(bad("a scaled clock needs a pace: give {\"rate\": 60} instead".to_owned())),
            other => return Err(bad(format!("{other:?} is not a mode; known are manual and real, or give \"rate\""))),
        });
    }
    let clock = app.clock_seen();
    let did = Did::this(format!("now {}, {}, rate {}", clock.now, clock.mode.name(), clock.mode.rate()));
    Ok((did, Json(shapes::clock(&clock))))
}

fn shape(app: &App) -> Value {
    shapes::clock(&app.clock_seen())
}

fn went_back(error: ClockWentBack) -> Problem {
    Problem::new(StatusCode::CONFLICT, "clock_went_back", error.to_string())
}
