use clap::{ArgGroup, Args, ValueEnum};
use eocube::{
    Environment, Error, Result,
    access::earthdata::{ExposedKeys, KeysFor},
};
use serde_json::{Value, json};

use crate::{exit::Exit, printer::Printer};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("of").required(true).multiple(true))]
pub(crate) struct Arguments {
    /// An s3:// address that the keys are to open.
    #[arg(value_name = "URL", group = "of")]
    url: Option<String>,
    /// A provider or archive centre, such as POCLOUD: `cube auth providers` lists them. Beside an address: whose keys open its bucket, if that is
    /// not known.
    #[arg(long, value_name = "NAME", group = "of", conflicts_with = "credentials_endpoint")]
    pub(super) provider: Option<String>,
    /// The address that gives out the keys.
    #[arg(long, value_name = "URL", group = "of")]
    pub(super) credentials_endpoint: Option<String>,
    /// For whom they are printed.
    #[arg(long, short = 'f', value_name = "FORM", default_value = "json")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// As the archive centre writes them.
    Json,
    /// Variables for a shell: `eval "$(…)"`.
    Env,
    /// Named arguments of `boto3.client("s3", …)`.
    Boto3,
    /// Named arguments of `s3fs.S3FileSystem(…)`.
    Fsspec,
    /// Named arguments of `obstore.store.S3Store(bucket, …)`.
    Obstore,
}

pub(super) async fn run(arguments: &Arguments, environment: &Environment, printer: &Printer) -> Result<Exit> {
    let of = match (&arguments.url, &arguments.provider, &arguments.credentials_endpoint) {
        (Some(url), ..) => KeysFor::Address(url),
        (_, Some(provider), _) => KeysFor::Provider(provider),
        (.., Some(endpoint)) => KeysFor::Endpoint(endpoint),
        _ => return Err(Error::refused("it is not said whose keys are wanted", "give an s3:// address, or --provider POCLOUD")),
    };
    let keys = environment.access().earthdata().s3_credentials(of).await?;
    let exposed = keys.expose();
    printer.say(format_args!("keys of {} until {}, for {}", keys.endpoint(), keys.expires().format("%H:%M UTC"), keys.region()));
    match arguments.format {
        Format::Env => printer.raw(&variables(&exposed)),
        Format::Json => printer.document(&as_given(&exposed)),
        Format::Boto3 => printer.document(&boto3(&exposed)),
        Format::Fsspec => printer.document(&fsspec(&exposed)),
        Format::Obstore => printer.document(&obstore(&exposed)),
    }
    Ok(Exit::Done)
}

fn variables(keys: &ExposedKeys<'_>) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    [
        ("AWS_ACCESS_KEY_ID", keys.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key),
        ("AWS_SESSION_TOKEN", keys.session_token),
        ("AWS_REGION", keys.region),
        // boto3 reads this one alone.
        ("AWS_DEFAULT_REGION", keys.region),
    ]
    .map(|(name, value)| format!("export {name}={}", quoted(value)))
    .join("\n")
}

fn as_given(keys: &ExposedKeys<'_>) -> Value {
    json!({
        "accessKeyId": keys.access_key_id, "secretAccessKey": keys.secret_access_key, "sessionToken": keys.session_token,
        "expiration": keys.expires.to_rfc3339(), "region": keys.region, "endpoint": keys.endpoint,
    })
}

fn boto3(keys: &ExposedKeys<'_>) -> Value {
    json!({
        "aws_access_key_id": keys.access_key_id, "aws_secret_access_key": keys.secret_access_key,
        "aws_session_token": keys.session_token, "region_name": keys.region,
    })
}

fn fsspec(keys: &ExposedKeys<'_>) -> Value {
    json!({
        "key": keys.access_key_id, "secret": keys.secret_access_key, "token": keys.session_token,
        "client_kwargs": {"region_name": keys.region},
    })
}

fn obstore(keys: &ExposedKeys<'_>) -> Value {
    json!({
        "access_key_id": keys.access_key_id, "secret_access_key": keys.secret_access_key,
        "session_token": keys.session_token, "region": keys.region,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_quoted_for_the_shell() {
        let keys = ExposedKeys {
            access_key_id: "ID",
            secret_access_key: "a/b+'c$(d)",
            session_token: "T==",
            expires: Default::default(),
            region: "us-west-2",
            endpoint: "https://h/s3credentials",
        };
        let text = variables(&keys);
        assert!(text.contains(r"export AWS_SECRET_ACCESS_KEY='a/b+'\''c$(d)'"), "{text}");
        assert!(text.contains("export AWS_REGION='us-west-2'\nexport AWS_DEFAULT_REGION='us-west-2'"), "{text}");
        assert_eq!(text.lines().count(), 5);
    }
}
