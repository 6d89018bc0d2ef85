from django.db import migrations

# What `vestnik.mailings.text.segments_of` counts, for the few texts of which a division cannot tell
# the count: a character of two units may fall on a boundary. A test holds the two together.
MAKE = r"""
CREATE FUNCTION mailings_segments(given text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    gsm CONSTANT text := E'@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&''()*+,-./0123456789:;<=>?'
        || '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
    extension CONSTANT text := E'^{}\\[~]|€\f';
    is_gsm boolean := translate(given, gsm || extension, '') = '';
    alone integer := CASE WHEN is_gsm THEN 160 ELSE 70 END;
    room integer := CASE WHEN is_gsm THEN 153 ELSE 67 END;
    letter text;
    width integer;
    units integer := 0;
    used integer := 0;
    parts integer := 1;
BEGIN
    FOREACH letter IN ARRAY regexp_split_to_array(given, '') LOOP
        width := CASE WHEN letter = '' THEN 0
            WHEN is_gsm AND strpos(extension, letter) > 0 THEN 2
            WHEN NOT is_gsm AND ascii(letter) > 65535 THEN 2
            ELSE 1 END;
        IF used + width > room THEN
            parts := parts + 1;
            used := 0;
        END IF;
        used := used + width;
        units := units + width;
    END LOOP;
    RETURN CASE WHEN units <= alone THEN 1 ELSE parts END;
END
$$
"""


class Migration(migrations.Migration):

    dependencies = [
        ("mailings", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(MAKE, "DROP FUNCTION mailings_segments(text)"),
    ]
