//! The page on which stores are looked at: served live, or saved as one file.
//!
//! Both have the same files but for the script that gets the data: `live.js` asks the
//! server, `saved.js` has it beside it. Charts are drawn by uPlot, as it was published.

mod saved;
#[cfg(test)]
mod tests;

pub(crate) use saved::Saved;

const HTML: &str = include_str!("files/live.html");

/// The scripts and styles that the page names, in the order in which it does.
const FILES: [(&str, &str); 10] = [
    ("uplot.css", include_str!("uplot/uPlot.min.css")),
    ("page.css", include_str!("files/page.css")),
    ("uplot.js", include_str!("uplot/uPlot.iife.min.js")),
    ("text.js", include_str!("files/text.js")),
    ("columns.js", include_str!("files/columns.js")),
    ("live.js", include_str!("files/live.js")),
    ("marks.js", include_str!("files/marks.js")),
    ("chart.js", include_str!("files/chart.js")),
    ("hover.js", include_str!("files/hover.js")),
    ("page.js", include_str!("files/page.js")),
];
const SAVED: &str = include_str!("files/saved.js");

/// What a saved page may do: run and show what is in it.
const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
    script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:\">";

/// A file of the page that is served, by its address: its media type and its text.
pub(crate) fn file(path: &str) -> Option<(&'static str, &'static str)> {
    if path == "/" {
        return Some(("text/html; charset=utf-8", HTML));
    }
    let name = path.strip_prefix('/')?;
    let (_, text) = FILES.iter().find(|(file, _)| *file == name)?;
    let media_type = if name.ends_with(".js") { "text/javascript" } else { "text/css" };
    Some((media_type, text))
}

/// The page with its data, in JSON, and all that it names within it.
fn in_one_file(data: &str) -> String {
    let charset = "<meta charset=\"utf-8\">";
    let mut html = HTML.replace(charset, &format!("{charset}\n{POLICY}"));
    for (name, text) in FILES {
        if name.ends_with(".css") {
            let link = format!("<link rel=\"stylesheet\" href=\"{name}\">");
            html = html.replace(&link, &format!("<style>\n{text}</style>"));
            continue;
        }
        let script = format!("<script src=\"{name}\"></script>");
        html = match name {
            "live.js" => {
                // Nothing in a name can end the script.
                let data = data.replace('<', "\\u003c");
                let data =
                    format!("<script type=\"application/json\" id=\"saved\">{data}</script>");
                html.replace(&script, &format!("{data}\n<script>\n{SAVED}</script>"))
            }
            _ => html.replace(&script, &format!("<script>\n{text}</script>")),
        };
    }
    html
}
